"""The error that each layer of a model file adds, and the error that its precision explains.

In the file and in PyTorch, each layer gets the values of the network in FP32 as inputs, so that errors of
earlier layers do not count, and a layer after a faulty one still works in its normal range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from posedeploy.bisection.arithmetic import Arithmetic, arithmetic_of, run_in_fp32
from posedeploy.bisection.matched_runs import use_values
from posedeploy.bisection.matching import Match, select_values, to_file_layout
from posedeploy.bisection.reference_graph import ReferenceGraph
from posedeploy.bisection.segments import Segment, find_segments
from posedeploy.bisection.sorted_rows import RowMatcher
from posedeploy.types import Array

MARGIN = 4.0
"""The largest error of a correct tensor, relative to the noise floor: runtimes sum in their own order."""
MIN_LIMITS: Mapping[str, float] = {"fp32": 1e-5, "tf32": 4e-3, "fp16": 4e-3, "bf16": 3e-2, "int8": 0.1}
"""The least limit, by precision: smaller errors are no faults even where PyTorch has none."""


@dataclass(frozen=True)
class OwnError:
    """The error of one tensor of a file, computed from the right values of the tensors before it.

    index: of the tensor. error: the RMS difference from the expected values, relative to their RMS; infinite
    if the file has NaN or infinity where they are finite. floor: the error of PyTorch in the same precision.
    limit: the largest error of a correct tensor. delta: the differences, in the shape of the operation's
    result. scale_share: the share of the squared difference that a factor and an offset of each channel
    explain; 0 without channels.
    """

    segment: Segment
    index: int
    error: float
    floor: float
    limit: float
    delta: Array = field(repr=False)
    scale_share: float = 0.0

    @property
    def is_faulty(self) -> bool:
        """Whether the tensor exceeds the noise floor."""
        return not self.error <= self.limit


def compute_right_values(
    graph: ReferenceGraph, matches: Mapping[str, Match], arrays: Sequence[Array]
) -> dict[int, Array]:
    """Return the right values of each matched tensor, in the layout of the file, by its index.

    Args:
        arrays: the tensors of the file, for their shapes and dtypes.
    """
    values: dict[int, Array] = {}

    def keep(name: str, result: Tensor) -> Tensor:
        if name in matches:
            match, array = matches[name], arrays[matches[name].index]
            limits = np.finfo(array.dtype)
            limited = result.numpy().clip(limits.min, limits.max)
            values[match.index] = to_file_layout(match, limited, array.shape).astype(array.dtype)
        return result

    graph.run(run_in_fp32, keep)
    return values


def measure_own_errors(
    graph: ReferenceGraph,
    arrays: Sequence[Array],
    replaced: Mapping[int, Array],
    matches: Mapping[str, Match],
    precision: str,
    execute: Arithmetic = run_in_fp32,
) -> list[OwnError]:
    """Return the own error of each matched tensor, in the order of the network.

    Args:
        arrays: the tensors of the file, computed from ``replaced``.
        replaced: the values of tensors that the operators behind them used, by index.
        precision: one of ``MIN_LIMITS``, that of the file.
        execute: computes the operations for the noise floor, on the device of the file.
    """
    expected: dict[str, Array] = {}
    noise: dict[str, float] = {}
    segments = {each.result.name: each for each in find_segments(graph.operations, matches)}
    rows = RowMatcher(graph.sorted_rows, MIN_LIMITS[precision])
    replace = use_values({name: each for name, each in matches.items() if each.index in replaced}, replaced)

    def keep(name: str, result: Tensor) -> Tensor:
        rows.note(name, result)
        if name in matches:
            expected[name] = result.numpy().astype(np.float32)
        return replace(name, result)

    def compare(name: str, result: Tensor) -> Tensor:
        if name in matches:
            values = rows.match(expected[name], result.numpy(), segments[name])
            noise[name] = _relative_rms(expected[name], values)
        return replace(name, result)

    graph.run(run_in_fp32, keep)
    graph.run(arithmetic_of(precision, execute), compare)
    errors = []
    for name, segment in segments.items():
        values = select_values(matches[name], arrays, expected[name].shape)
        values = rows.match(expected[name], values, segment)
        error, floor = _relative_rms(expected[name], values), noise[name]
        usable = MARGIN * floor if np.isfinite(floor) else 0.0
        with np.errstate(invalid="ignore"):
            delta = np.asarray(values, np.float32) - expected[name]
        errors.append(
            OwnError(
                segment=segment,
                index=matches[name].index,
                error=error,
                floor=floor,
                limit=max(MIN_LIMITS[precision], usable),
                delta=delta,
                scale_share=_explain_by_channels(expected[name], delta),
            )
        )
    return errors


def _relative_rms(expected: Array, values: Array) -> float:
    if not np.isfinite(values[np.isfinite(expected)]).all():
        return float("inf")
    is_finite = np.isfinite(expected)
    reference = expected[is_finite].astype(np.float64)
    difference = float(np.sqrt(np.mean((values[is_finite] - reference) ** 2))) if reference.size else 0.0
    return difference / (float(np.sqrt(np.mean(reference**2))) if reference.any() else 1.0)


def _explain_by_channels(expected: Array, delta: Array) -> float:
    """Return the share of the squared difference that ``factor * expected + offset`` of each channel
    explains."""
    if expected.ndim < 3 or expected.shape[1] < 2 or not np.isfinite(delta).all():
        return 0.0
    channels = expected.shape[1]
    x = np.moveaxis(expected, 1, 0).reshape(channels, -1).astype(np.float64)
    y = np.moveaxis(delta, 1, 0).reshape(channels, -1).astype(np.float64)
    x, centered = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    variance = (x**2).sum(axis=1)
    slopes = (x * centered).sum(axis=1) / np.where(variance > 0, variance, 1.0)
    residual = ((centered - slopes[:, None] * x) ** 2).sum()
    total = (y**2).sum()
    return float(1 - residual / total) if total > 0 else 0.0
