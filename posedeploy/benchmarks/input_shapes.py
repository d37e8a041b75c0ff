"""The axes of a network's inputs: fixed lengths for dynamic ones, and those that two networks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from posedeploy.errors import InputError
from posedeploy.types import ModelSpec, Ranges, TensorSpec

NO_RANGES: Ranges = {}


def with_fixed_size(
    spec: ModelSpec,
    batch: int | None = None,
    size: tuple[int, int] | None = None,
    ranges: Ranges = NO_RANGES,
) -> ModelSpec:
    """Return the spec of a network on images with fixed axes.

    Dynamic axes get ``batch`` (default 1) and ``size`` (default that of the contract), within ``ranges``.

    Raises:
        InputError: the input has another, fixed batch or size.
    """
    assert spec.contract is not None, "the network takes images"
    tensor = spec.inputs[0]
    height, width = size or (spec.contract.height, spec.contract.width)
    shape: tuple[int, ...] = (batch or 1, 3, height, width)
    if tensor.layout == "NHWC":
        shape = (batch or 1, height, width, 3)
    if batch is None and size is None:
        shape = clamp_shape(shape, tensor, ranges)
    tensor = fill_axes(tensor, dict(enumerate(shape)))
    check_batch_and_size([tensor], batch, size)
    return replace(spec, inputs=(tensor,))


def with_end_of_ranges(spec: ModelSpec, ranges: Ranges = NO_RANGES, *, largest: bool) -> ModelSpec:
    """Return the spec of a network on images at one end of the ranges of height and width.

    Without ranges, that is half the contract's size, or four multiples more. The batch stays as it is.
    """
    assert spec.contract is not None, "the network takes images"
    multiple, tensor = spec.contract.multiple, spec.inputs[0]
    lengths = (spec.contract.height, spec.contract.width)
    height, width = (
        length + 4 * multiple if largest else max(1, length // 2 // multiple) * multiple for length in lengths
    )
    if tensor.name in ranges:
        shape = ranges[tensor.name][1 if largest else 0]
        height, width = shape[1:3] if tensor.layout == "NHWC" else shape[2:4]
    first = 1 if tensor.layout == "NHWC" else 2
    return replace(spec, inputs=(fill_axes(tensor, {first: height, first + 1: width}),))


def with_batch(spec: ModelSpec, batch: int) -> ModelSpec:
    """Return the spec with this batch, if its batch is dynamic."""
    return replace(spec, inputs=(fill_axes(spec.inputs[0], {0: batch}), *spec.inputs[1:]))


def with_batch_of_one(spec: ModelSpec) -> ModelSpec:
    """Return the spec with a batch of one image."""
    tensor = spec.inputs[0]
    return replace(spec, inputs=(replace(tensor, shape=(1, *tensor.shape[1:])),))


def find_batches(tensor: TensorSpec, ranges: Ranges, default: int) -> tuple[int, int]:
    """Return the smallest and the largest batch of a network that are compared.

    Args:
        default: the largest batch where the batch is dynamic and has no range.
    """
    batch = tensor.shape[0]
    if isinstance(batch, int):
        return batch, batch
    if tensor.name not in ranges:
        return 1, default
    lows, highs = ranges[tensor.name]
    return lows[0], highs[0]


def clamp_shape(shape: tuple[int, ...], tensor: TensorSpec, ranges: Ranges) -> tuple[int, ...]:
    lows, highs = ranges.get(tensor.name, (shape, shape))
    return tuple(min(max(length, low), high) for length, low, high in zip(shape, lows, highs, strict=True))


def fill_axes(tensor: TensorSpec, lengths: Mapping[int, int]) -> TensorSpec:
    """Return the tensor with these lengths of its dynamic axes, by position."""
    shape = tuple(
        lengths.get(position, axis) if isinstance(axis, str) else axis
        for position, axis in enumerate(tensor.shape)
    )
    return replace(tensor, shape=shape)


def check_batch_and_size(
    tensors: Sequence[TensorSpec], batch: int | None, size: tuple[int, int] | None
) -> None:
    """Check that an input has this batch and size."""
    inputs = ", ".join(map(str, tensors))
    if batch is not None and not any(tensor.shape[:1] == (batch,) for tensor in tensors):
        raise InputError(f"`batch={batch}`: the input {inputs} has another, fixed batch; leave it out")
    if size is not None and not any(
        len(tensor.shape) == 4 and tensor.image_size == size for tensor in tensors
    ):
        raise InputError(
            f"`input_size={size[0]}x{size[1]}`: the input {inputs} has another, fixed size; leave it out"
        )


def get_image_size(spec: ModelSpec) -> tuple[int, int]:
    """Return the (height, width) of the input of a spec with a fixed size."""
    height, width = spec.inputs[0].image_size
    return int(height), int(width)


def match_candidate(reference: ModelSpec, candidate: ModelSpec) -> ModelSpec:
    """Return the reference's spec for images of the candidate's size, prepared by its own contract.

    Without a contract of both, it has the candidate's inputs and no contract.

    Raises:
        InputError: as in ``check_inputs_fit``.
    """
    if candidate.contract is None or reference.contract is None:
        check_inputs_fit(reference, candidate)
        return replace(reference, inputs=candidate.inputs, contract=None)
    size = candidate.inputs[0].image_size
    image = (*size, 3) if reference.inputs[0].layout == "NHWC" else (3, *size)
    tensor = replace(reference.inputs[0], shape=(candidate.inputs[0].shape[0], *image))
    contract = replace(reference.contract, height=candidate.contract.height, width=candidate.contract.width)
    return replace(reference, inputs=(tensor,), contract=contract)


def with_common_batch(candidate: ModelSpec, reference: ModelSpec) -> ModelSpec:
    """Return the candidate's spec with the fixed batches of a reference whose inputs have the same names, or
    which has one input too."""
    others = {tensor.name: tensor for tensor in reference.inputs}
    if len(candidate.inputs) == len(reference.inputs) == 1:
        others = {candidate.inputs[0].name: reference.inputs[0]}
    inputs = []
    for tensor in candidate.inputs:
        batch = next(iter(others[tensor.name].shape), "") if tensor.name in others else ""
        inputs.append(fill_axes(tensor, {0: batch}) if isinstance(batch, int) else tensor)
    return replace(candidate, inputs=tuple(inputs))


def check_inputs_fit(reference: ModelSpec, candidate: ModelSpec) -> None:
    """Check that a candidate without a contract takes the same noise as a reference with one.

    Raises:
        InputError: the names, types, numbers of axes or fixed axes of their inputs differ.
    """
    if candidate.contract is not None or reference.contract is None:
        return
    if list(map(_signature, candidate.inputs)) == list(map(_signature, reference.inputs)) and all(
        length == fixed or isinstance(length, str) or isinstance(fixed, str)
        for tensor, other in zip(candidate.inputs, reference.inputs, strict=True)
        for length, fixed in zip(tensor.shape, other.shape, strict=True)
    ):
        return
    raise InputError(
        f"the input {', '.join(map(str, candidate.inputs))} of the model does not fit the input "
        f"{', '.join(map(str, reference.inputs))} of its checkpoint; describe the model's input with "
        "`contract=FILE.toml`"
    )


def _signature(tensor: TensorSpec) -> tuple[str, str, int]:
    return tensor.name, tensor.dtype, len(tensor.shape)
