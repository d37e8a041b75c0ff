"""Whether a network just converted gives what PyTorch gives, at another size too where axes are free."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from posedeploy.convert.prepare import Prepared, does_not_run, drawn
from posedeploy.errors import ExportError
from posedeploy.types import Array

SAME = 1e-3
"""How far, of an output's largest value, the file may be from PyTorch: whether it is the same network at all,
since the converter folds some wrongly. Parity is another's matter."""

SEED = 1
"""Of the inputs; onnx2tf's outputs are told apart by others."""
TINY = float(np.finfo(np.float32).tiny)


def sizes(prepared: Prepared) -> Iterator[tuple[list[Array], bool]]:
    """Inputs for each run, and whether their free axes are of another length than in the example."""
    yield drawn(prepared, (tuple(value.shape) for value in prepared.example), SEED), False
    if prepared.axes:
        yield drawn(prepared, _longer(prepared), SEED), True


def _longer(prepared: Prepared) -> Iterator[tuple[int, ...]]:
    """The shapes of the inputs with every free axis longer than in the example."""
    contract = prepared.spec.contract
    step = contract.multiple if contract is not None else 8
    for value, axes in zip(prepared.example, prepared.axes, strict=True):
        yield tuple(
            length if axis not in axes else 3 if axes[axis] == "batch" else length + step
            for axis, length in enumerate(value.shape)
        )


def fault(found: list[Array], prepared: Prepared, inputs: list[Array], tolerance: float = SAME) -> str:
    """What is wrong with the outputs for these inputs, in words; empty where nothing is.

    Raises:
        ExportError: they differ where PyTorch gives no numbers.
    """
    wanted = _wanted(prepared, inputs)
    if len(found) != len(wanted):
        return f"gives {len(found)} outputs where PyTorch gives {len(wanted)}"
    for tensor, output, right in zip(prepared.spec.outputs, found, wanted, strict=True):
        if output.dtype != right.dtype:
            return f"gives {tensor.name} in {output.dtype} where PyTorch gives it in {right.dtype}"
        if output.shape != right.shape:
            shapes = ("x".join(map(str, array.shape)) for array in (output, right))
            return "gives {} of {} where PyTorch gives it of {}".format(tensor.name, *shapes)
        largest = np.abs(right[np.isfinite(right)]).max(initial=0)
        if not np.allclose(output, right, rtol=0, atol=tolerance * largest, equal_nan=True):
            if not np.isfinite(right).all():
                raise ExportError(
                    f"PyTorch itself gives NaN or infinity for {tensor.name} on random inputs, and the "
                    "converted network something else, so nothing tells whether it is right; keep the "
                    "outputs finite"
                )
            off = np.abs(output.astype(np.float64) - right).max() / max(largest, TINY)
            return (
                f"gives something else than PyTorch for {tensor.name} ({off:.1e} of its largest value off, "
                f"and {tolerance:.0e} is allowed)"
            )
    return ""


def _wanted(prepared: Prepared, inputs: list[Array]) -> list[Array]:
    try:
        with torch.inference_mode():
            tensors = (torch.from_numpy(value.copy()) for value in inputs)  # a network may change its input
            return [output.numpy() for output in prepared.module(*tensors)]
    except RuntimeError as error:
        raise does_not_run(("x".join(map(str, value.shape)) for value in inputs), error) from error
