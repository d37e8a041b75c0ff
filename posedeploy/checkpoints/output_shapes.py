"""Measure the shapes of a network's outputs by running it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from posedeploy.errors import NetworkError, first_line
from posedeploy.flatten import flat
from posedeploy.printable import counted
from posedeploy.types import DATA_DEPENDENT, Dimension, ModelSpec, TensorSpec


def measure_outputs(module: nn.Module, spec: ModelSpec, where: str = "the contract") -> ModelSpec:
    """Return the spec with the outputs' shapes; an axis that follows a dynamic input axis is named after it.

    The network runs twice on zeros, with every dynamic axis at another length the second time.

    Args:
        where: what defines the spec, for messages.

    Raises:
        NetworkError: the network does not run on an input of the spec, returns another number of outputs than
            the spec lists, or does not run at another length of a dynamic input axis.
    """
    dynamic = sorted({axis for tensor in spec.inputs for axis in tensor.shape if isinstance(axis, str)})
    first = {axis: _first_length(axis, spec) for axis in dynamic}
    second = {axis: first[axis] + _step(axis, spec) * place for place, axis in enumerate(dynamic, start=1)}
    try:
        small = _run(module, spec, first)
    except RuntimeError as error:
        raise NetworkError(
            f"the network does not run on the input {', '.join(map(str, spec.inputs))} of {where}"
            f"{f' at {_format_lengths(first)}' if first else ''} ({first_line(error)}); correct the height, "
            "width, shape or layout"
        ) from error
    if len(small) != len(spec.outputs):
        raise NetworkError(
            f"the network returns {counted(len(small), 'output')}, and {where} names {len(spec.outputs)}: "
            f"{', '.join(output.name for output in spec.outputs) or 'none'}; write a line ROLE = NAME under "
            "[outputs] for each output, in the order in which the network returns them"
        )
    try:
        large = _run(module, spec, second) if dynamic else small
    except RuntimeError as error:
        raise NetworkError(
            f"the network's contract makes {', '.join(dynamic)} dynamic, but the network runs at "
            f"{_format_lengths(first)} and not at {_format_lengths(second)} ({first_line(error)}); write the "
            "required lengths in the shape of the input"
        ) from error
    outputs = tuple(
        replace(
            output,
            shape=_name_axes(a.shape, b.shape, first, second),
            dtype=str(a.dtype).removeprefix("torch."),
        )
        for output, a, b in zip(spec.outputs, small, large, strict=True)
    )
    return replace(spec, outputs=outputs)


def name_data_dependent_axes(module: nn.Module, described: ModelSpec, measured: ModelSpec) -> ModelSpec:
    """Return the measured spec, with ``DATA_DEPENDENT`` for axes whose length depends on the input's values.

    These are the axes that the contract names so, those of length 0 on an input of zeros, and those whose
    length on noise differs from that on zeros.

    Args:
        described: the spec before the outputs were measured.

    Raises:
        NetworkError: the network does not run on noise.
    """
    dynamic = {axis for tensor in measured.inputs for axis in tensor.shape if isinstance(axis, str)}
    lengths = {axis: _first_length(axis, measured) for axis in dynamic}
    try:
        on_noise = _run(module, measured, lengths, _noise)
    except RuntimeError as error:
        raise NetworkError(
            f"the network runs on zeros, but fails on random values ({first_line(error)}); correct the "
            "network"
        ) from error
    outputs = tuple(
        replace(tensor, shape=_name_changed_axes(tensor.fixed(lengths), tensor, noise.shape, own))
        for tensor, noise, own in zip(measured.outputs, on_noise, described.outputs, strict=True)
    )
    return replace(measured, outputs=outputs)


def _name_changed_axes(
    fixed: TensorSpec, measured: TensorSpec, noise: Sequence[int], described: TensorSpec
) -> tuple[Dimension, ...]:
    """Return the shape of an output with its data-dependent axes.

    Args:
        fixed: the output with fixed lengths.
        noise: its shape at the same lengths, on noise.
    """
    if len(noise) != len(fixed.shape):
        return measured.shape
    named = described.shape if len(described.shape) == len(noise) else measured.shape
    return tuple(
        DATA_DEPENDENT
        if name == DATA_DEPENDENT or axis == 0 or (isinstance(axis, int) and axis != other)
        else own
        for own, axis, other, name in zip(measured.shape, fixed.shape, noise, named, strict=True)
    )


def _first_length(axis: str, spec: ModelSpec) -> int:
    if spec.contract and axis in ("height", "width"):
        return spec.contract.height if axis == "height" else spec.contract.width
    return 1


def _step(axis: str, spec: ModelSpec) -> int:
    """Return the increment of an axis: a multiple of what the contract requires."""
    return 2 * spec.contract.multiple if spec.contract and axis in ("height", "width") else 1


def _run(
    module: nn.Module,
    spec: ModelSpec,
    lengths: dict[str, int],
    fill: Callable[[list[int], torch.dtype], Tensor] = lambda shape, dtype: torch.zeros(shape, dtype=dtype),
) -> tuple[Tensor, ...]:
    shapes = [tensor.fixed(lengths).shape for tensor in spec.inputs]
    inputs = [
        fill([int(length) for length in shape], getattr(torch, tensor.dtype))
        for tensor, shape in zip(spec.inputs, shapes, strict=True)
    ]
    with torch.inference_mode():
        return flat(module(*inputs))


def _noise(shape: list[int], dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if dtype.is_floating_point:
        return torch.randn(shape, dtype=dtype, generator=generator)
    return torch.randint(
        0, 2, shape, dtype=dtype, generator=generator
    )  # an index, of which 1 can be the last


def _name_axes(
    small: Sequence[int], large: Sequence[int], first: dict[str, int], second: dict[str, int]
) -> tuple[Dimension, ...]:
    return tuple(_axis(a, b, first, second) for a, b in zip(small, large, strict=True))


def _axis(a: int, b: int, first: dict[str, int], second: dict[str, int]) -> Dimension:
    """Return the length if it does not change, else the input axis that it follows, with the ratio."""
    if a == b:
        return a
    for axis, length in first.items():
        if a * second[axis] == b * length and length % a == 0:
            return axis if a == length else f"{axis}/{length // a}"
    return "dynamic"


def _format_lengths(lengths: dict[str, int]) -> str:
    return ", ".join(f"{axis} {length}" for axis, length in lengths.items())
