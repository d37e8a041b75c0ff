"""Compare the outputs of a converted network with PyTorch's, also at a second size if axes are dynamic."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from posedeploy.convert.prepare import Prepared, network_does_not_run, random_inputs
from posedeploy.errors import ExportError
from posedeploy.types import Array

MAX_RELATIVE_DIFFERENCE = 1e-3
"""Tolerance, as a fraction of an output's largest value. It only detects wrong conversions, such as wrongly
folded layers; ``parity`` measures accuracy."""

MAX_QUANTIZED_RMS = 0.25
"""The largest root mean square of the differences of a quantized network, as a fraction of an output's
largest value: a network that exceeds it is useless. ``parity`` measures accuracy."""

SEED = 1
"""The seed of the inputs. It differs from that of the inputs that identify onnx2tf's outputs."""
TINY = float(np.finfo(np.float32).tiny)


def generate_runs(prepared: Prepared) -> Iterator[tuple[list[Array], bool]]:
    """Yield the inputs of each run, and whether their dynamic axes are longer than in the example."""
    yield random_inputs(prepared, (tuple(value.shape) for value in prepared.example), SEED), False
    if prepared.axes:
        yield random_inputs(prepared, _longer_shapes(prepared), SEED), True


def _longer_shapes(prepared: Prepared) -> Iterator[tuple[int, ...]]:
    """Yield the shapes of the inputs with every dynamic axis longer than in the example."""
    contract = prepared.spec.contract
    step = contract.multiple if contract is not None else 8
    for value, axes in zip(prepared.example, prepared.axes, strict=True):
        yield tuple(
            length if axis not in axes else 3 if axes[axis] == "batch" else length + step
            for axis, length in enumerate(value.shape)
        )


def find_mismatch(
    outputs: list[Array],
    prepared: Prepared,
    inputs: list[Array],
    tolerance: float | None = MAX_RELATIVE_DIFFERENCE,
) -> str:
    """Return how the outputs for these inputs differ from PyTorch's; empty if they agree.

    Args:
        tolerance: None for a quantized network, of which only types, shapes and NaN are compared.

    Raises:
        ExportError: they differ, and PyTorch's own outputs contain NaN or infinity.
    """
    expected = _run_pytorch(prepared, inputs)
    if len(outputs) != len(expected):
        return f"has {len(outputs)} outputs; PyTorch has {len(expected)}"
    for tensor, output, reference in zip(prepared.spec.outputs, outputs, expected, strict=True):
        if output.dtype != reference.dtype:
            return f"has {output.dtype} values in {tensor.name}; PyTorch has {reference.dtype}"
        if output.shape != reference.shape:
            shapes = ("x".join(map(str, array.shape)) for array in (output, reference))
            return "has {} of shape {}; PyTorch has {}".format(tensor.name, *shapes)
        if mismatch := _find_difference(tensor.name, output, reference, tolerance):
            return mismatch
    return ""


def find_large_error(outputs: list[Array], prepared: Prepared, inputs: list[Array]) -> str:
    """Return which output of a quantized network is far from PyTorch's on these inputs; empty if none is."""
    for tensor, output, reference in zip(
        prepared.spec.outputs, outputs, _run_pytorch(prepared, inputs), strict=True
    ):
        squares = np.square(output.astype(np.float64) - reference)
        error = np.sqrt(squares.mean()) / max(np.abs(reference).max(initial=0), TINY)
        if error > MAX_QUANTIZED_RMS:
            return (
                f"differs from PyTorch in {tensor.name} by {error:.0%} of its largest value (root mean "
                "square) on a calibration input"
            )
    return ""


def _find_difference(name: str, output: Array, reference: Array, tolerance: float | None) -> str:
    """Return how the values of an output differ from PyTorch's; empty if they agree."""
    is_finite = bool(np.isfinite(reference).all())
    if tolerance is None:
        return f"computes NaN or infinity in {name}" if is_finite and not np.isfinite(output).all() else ""
    largest = np.abs(reference[np.isfinite(reference)]).max(initial=0)
    if np.allclose(output, reference, rtol=0, atol=tolerance * largest, equal_nan=True):
        return ""
    if not is_finite:
        raise ExportError(
            f"the conversion cannot be checked: PyTorch computes NaN or infinity for {name} "
            "on random inputs, and the converted network computes other values; keep the outputs finite"
        )
    difference = np.abs(output.astype(np.float64) - reference).max() / max(largest, TINY)
    return (
        f"differs from PyTorch in {name} by {difference:.1e} of its largest value (tolerance {tolerance:.0e})"
    )


def _run_pytorch(prepared: Prepared, inputs: list[Array]) -> list[Array]:
    try:
        with torch.inference_mode():
            tensors = (torch.from_numpy(value.copy()) for value in inputs)  # a network may change its input
            return [output.numpy() for output in prepared.module(*tensors)]
    except RuntimeError as error:
        raise network_does_not_run(("x".join(map(str, value.shape)) for value in inputs), error) from error
