"""Which shapes a network's outputs have, found by running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from posedeploy.errors import NetworkError, first_line
from posedeploy.flatten import flat
from posedeploy.types import Dimension, ModelSpec


def measured(module: nn.Module, spec: ModelSpec) -> ModelSpec:
    """The spec with the outputs' shapes filled in; an axis that follows a free input axis is named after it.

    The network runs twice on zeros, with every free axis at another length the second time.

    Raises:
        NetworkError: the network gives another number of outputs than the spec names, or an input axis that
            the spec calls free is not.
    """
    free = sorted({axis for tensor in spec.inputs for axis in tensor.shape if isinstance(axis, str)})
    first = {axis: _usual(axis, spec) for axis in free}
    second = {axis: first[axis] + _step(axis, spec) * place for place, axis in enumerate(free, start=1)}
    small = _run(module, spec, first)
    if len(small) != len(spec.outputs):
        raise NetworkError(
            f"the network gives {len(small)} outputs and its contract names {len(spec.outputs)}: "
            f"{', '.join(output.name for output in spec.outputs) or 'none'}"
        )
    try:
        large = _run(module, spec, second) if free else small
    except RuntimeError as error:
        raise NetworkError(
            f"the network's contract leaves {', '.join(free)} free, but it runs at {_listed(first)} and not "
            f"at {_listed(second)} ({first_line(error)}); write the lengths that it "
            "needs in the shape of its input"
        ) from error
    outputs = tuple(
        replace(
            output,
            shape=_symbolic(a.shape, b.shape, first, second),
            dtype=str(a.dtype).removeprefix("torch."),
        )
        for output, a, b in zip(spec.outputs, small, large, strict=True)
    )
    return replace(spec, outputs=outputs)


def _usual(axis: str, spec: ModelSpec) -> int:
    if spec.contract and axis in ("height", "width"):
        return spec.contract.height if axis == "height" else spec.contract.width
    return 1


def _step(axis: str, spec: ModelSpec) -> int:
    """How much longer an axis may be made: by whole multiples of what the network asks for."""
    return 2 * spec.contract.multiple if spec.contract and axis in ("height", "width") else 1


def _run(module: nn.Module, spec: ModelSpec, lengths: dict[str, int]) -> tuple[Tensor, ...]:
    shapes = [tensor.fixed(lengths).shape for tensor in spec.inputs]
    inputs = [
        torch.zeros([int(length) for length in shape], dtype=getattr(torch, tensor.dtype))
        for tensor, shape in zip(spec.inputs, shapes, strict=True)
    ]
    with torch.inference_mode():
        return flat(module(*inputs))


def _symbolic(
    small: Sequence[int], large: Sequence[int], first: dict[str, int], second: dict[str, int]
) -> tuple[Dimension, ...]:
    return tuple(_axis(a, b, first, second) for a, b in zip(small, large, strict=True))


def _axis(a: int, b: int, first: dict[str, int], second: dict[str, int]) -> Dimension:
    """The length itself where it stays, else the input axis that it follows, with the ratio."""
    if a == b:
        return a
    for axis, length in first.items():
        if a * second[axis] == b * length and length % a == 0:
            return axis if a == length else f"{axis}/{length // a}"
    return "free"


def _listed(lengths: dict[str, int]) -> str:
    return ", ".join(f"{axis} {length}" for axis, length in lengths.items())
