"""The cause of a difference from the reference, if a known mistake explains it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from posedeploy.benchmarks.array_differences import max_absolute, rms
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.row_pairing import pair_rows
from posedeploy.benchmarks.stage_parity import StageName
from posedeploy.benchmarks.tolerances import to_torch_precision
from posedeploy.types import ModelSpec, Tensors

NON_FINITE = "contains NaN or infinity"
FULL_RANGE = frozenset({"fp32", "tf32", "bf16"})
"""The precisions with the range of FP32."""

BISECT = "find the first layer that returns them with `posedeploy bisect`"
BISECT_ELSEWHERE = (
    "with PyTorch and the checkpoint, `posedeploy bisect` finds the first layer that returns them in an "
    "ONNX, OpenVINO, TFLite or TorchScript file"
)

HINTS: Mapping[str, str] = {
    "the image were normalized twice": "if the file normalizes its input itself, write "
    'embedded = ["normalization"] under [input] in its contract',
    "the image were not normalized": "if the file does not normalize its input itself, remove "
    '"normalization" from embedded in its contract',
}
"""How to fix a mistake that a wrong contract of a third-party file causes."""


@dataclass(frozen=True)
class Alternative:
    """Another mistake that explains a difference as well as its cause; fields as in ``Cause``."""

    stage: StageName
    name: str
    explained: float


@dataclass(frozen=True)
class Cause:
    """The mistake that explains a difference.

    stage: where it is. name: completes "as if"; if the candidate alone has NaN or infinity, a statement such
    as "heatmaps contains NaN or infinity". explained: the share of the RMS difference, 0 to 1, that
    disappears when the reference has this mistake, or when the candidate's input undoes it. input: the name
    of the input it was measured on. alternatives: the mistakes that explain the difference as well, within
    the noise. advice: what would tell them apart, or for NaN and infinity, how to avoid or to locate them.
    """

    stage: StageName
    name: str
    explained: float
    input: str
    alternatives: tuple[Alternative, ...] = ()
    advice: str = ""

    @property
    def description(self) -> str:
        """The mistake and its alternatives, such as "as if the image were mirrored", or a statement about NaN
        and infinity."""
        if self.name.endswith(NON_FINITE):
            return self.name
        return " or ".join(f"as if {name}" for name in self._names)

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.name, *(each.name for each in self.alternatives))

    def __str__(self) -> str:
        if self.name.endswith(NON_FINITE):
            return f"{self.name} on {self.input}, and the other output is finite; {self.advice}"
        hints = [HINTS[name] for name in self._names if name in HINTS]
        share = min([self.explained, *(each.explained for each in self.alternatives)])
        explains = ", each of which explains at least" if self.alternatives else ": that explains"
        return "; ".join(
            [
                f"the outputs are {self.description}{explains} {share:.1%} of the difference on {self.input}",
                *filter(None, [self.advice]),
                *hints,
            ]
        )


@dataclass(frozen=True)
class DifferingRun:
    """An input on which two models differ, with the outputs of the reference and of the candidate.

    spec: of the reference, in the shape of the input. candidate_source: the input in the candidate's form.
    row_axes: the result of ``find_row_axes``; such rows are paired.
    """

    spec: ModelSpec
    source: NetworkInput
    candidate_source: NetworkInput
    expected: Tensors
    actual: Tensors
    row_axes: Mapping[str, int]


def find_non_finite(run: DifferingRun, precision: str, *, can_bisect: bool) -> Cause | None:
    """Return the first output with infinite or NaN values that are finite in the reference as the cause.

    Args:
        precision: that of the candidate.
        can_bisect: whether ``bisect`` can open the candidate, and the reference is PyTorch.
    """
    advice = "export in fp32 or bf16, whose range is larger"
    if to_torch_precision(precision) in FULL_RANGE:
        advice = BISECT if can_bisect else BISECT_ELSEWHERE
    for name, array in run.actual.items():
        if np.isfinite(run.expected[name]).all() and not np.isfinite(array).all():
            return Cause("network", f"{name} {NON_FINITE}", 1.0, run.source.name, advice=advice)
    return None


def measure_distance(
    expected: Tensors, actual: Tensors, scales: Mapping[str, float], row_axes: Mapping[str, int]
) -> float:
    """Return the RMS difference of all outputs, each relative to its scale; infinite if shapes differ."""
    if any(expected[name].shape != array.shape for name, array in actual.items()):
        return math.inf
    paired = pair_rows(expected, actual, row_axes)
    expected, actual = paired.expected, paired.actual
    each = [rms((expected[name] - array.astype(np.float64)) / scales[name]) for name, array in actual.items()]
    return rms(np.array(each))


def find_scales(outputs: list[Tensors]) -> dict[str, float]:
    """Return the largest value of each output on several inputs; 1 if it is always 0."""
    return {name: max(max_absolute(each[name]) for each in outputs) or 1.0 for name in outputs[0]}
