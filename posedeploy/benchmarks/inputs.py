"""Inputs of networks by their contracts: noise, synthetic people and the user's images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_sets import JointSet
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.preprocess import prepare
from posedeploy.poses.preprocess_joints import prepare_joints
from posedeploy.synthetic import MAX_SIDE, MIN_SIDE, generate_scene
from posedeploy.types import Array, ModelSpec, Placed, PlacedJoints, Ranges, Tensors, TensorSpec

NO_RANGES: Ranges = {}
SEED = 20181129


@dataclass(frozen=True)
class NetworkInput:
    """One input of a network.

    placements: the placement of each image or person of the batch; empty if unknown. image: the source of the
    tensors: (H, W, 3) uint8, or (batch, H, W, 3) with the image of each place; None for other inputs.
    box: (4,) px of the person whose crop it is; None for the whole image. as_reference: the same image,
    prepared as the reference's contract requires, in the form that this network takes; None if that gives
    the same tensors.
    """

    name: str
    tensors: Tensors
    placements: tuple[Placed, ...] = ()
    image: Array | None = None
    box: Array | None = None
    as_reference: NetworkInput | None = None


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
        shape = _clamp(shape, tensor, ranges)
    tensor = _fill_axes(tensor, dict(enumerate(shape)))
    _check([tensor], batch, size)
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
    return replace(spec, inputs=(_fill_axes(tensor, {first: height, first + 1: width}),))


def with_batch(spec: ModelSpec, batch: int) -> ModelSpec:
    """Return the spec with this batch, if its batch is dynamic."""
    return replace(spec, inputs=(_fill_axes(spec.inputs[0], {0: batch}), *spec.inputs[1:]))


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


def _clamp(shape: tuple[int, ...], tensor: TensorSpec, ranges: Ranges) -> tuple[int, ...]:
    lows, highs = ranges.get(tensor.name, (shape, shape))
    return tuple(min(max(length, low), high) for length, low, high in zip(shape, lows, highs, strict=True))


def _fill_axes(tensor: TensorSpec, lengths: Mapping[int, int]) -> TensorSpec:
    """Return the tensor with these lengths of its dynamic axes, by position."""
    shape = tuple(
        lengths.get(position, axis) if isinstance(axis, str) else axis
        for position, axis in enumerate(tensor.shape)
    )
    return replace(tensor, shape=shape)


def _check(tensors: Sequence[TensorSpec], batch: int | None, size: tuple[int, int] | None) -> None:
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


def generate_noise_images(spec: ModelSpec, count: int) -> list[Array]:
    """Return (H, W, 3) uint8 images of noise, of the input size of a spec with a fixed size.

    The noise has blocks of 8 px, because single pixels have less structure for a network than a photograph.
    """
    height, width = get_image_size(spec)
    stream = np.random.RandomState(SEED)
    blocks = stream.randint(0, 256, (count, -(-height // 8), -(-width // 8), 3)).astype(np.uint8)
    return [block.repeat(8, axis=0).repeat(8, axis=1)[:height, :width] for block in blocks]


def generate_synthetic_images(spec: ModelSpec, count: int) -> list[Array]:
    """Return (H, W, 3) uint8 images of synthetic people, of the input size if the generator supports it."""
    height, width = (min(max(MIN_SIDE, length), MAX_SIDE) for length in get_image_size(spec))
    return [generate_scene(SEED, index, (width, height)).image for index in range(count)]


def build_image_inputs(spec: ModelSpec, images: Sequence[tuple[str, Array]]) -> list[NetworkInput]:
    """Return each image as an input of the network; a larger batch alternates the image and its mirror."""
    return [build_image_input(spec, name, image) for name, image in images]


def build_image_input(spec: ModelSpec, name: str, image: Array, box: Array | None = None) -> NetworkInput:
    """Return an image as an input of the network.

    Args:
        image: (H, W, 3) uint8, which alternates with its mirror in a larger batch; or (batch, H, W, 3).
        box: (4,) px of the person, for a single-person network; None for the whole image.

    Raises:
        InputError: the network does not take this image.
    """
    batch = spec.inputs[0].shape[0]
    places = range(batch if isinstance(batch, int) else 1)
    one = with_batch_of_one(spec)
    try:
        prepared = [prepare(image_in_place(image, place), one, box) for place in places]
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    tensor = spec.inputs[0].name
    stacked = np.concatenate([tensors[tensor] for tensors, _ in prepared])
    placements = tuple(placement for _, placement in prepared)
    return NetworkInput(name, {tensor: stacked}, placements, image, box)


def with_batch_of_one(spec: ModelSpec) -> ModelSpec:
    """Return the spec with a batch of one image."""
    tensor = spec.inputs[0]
    return replace(spec, inputs=(replace(tensor, shape=(1, *tensor.shape[1:])),))


def image_in_place(image: Array, place: int) -> Array:
    """Return the (H, W, 3) image in a place of a batch: every second one is mirrored, unless the image is
    (batch, H, W, 3)."""
    if image.ndim == 4:
        chosen: Array = image[place]
        return chosen
    return image if place % 2 == 0 else image[:, ::-1]


def build_people_inputs(
    spec: ModelSpec, count: int, ranges: Ranges = NO_RANGES, *, seed: int
) -> list[NetworkInput]:
    """Return inputs of random people for a network on 2D joints.

    A dynamic batch is 1, 3, 5, ... people, within ``ranges``.

    Args:
        seed: of the people. Inputs that judge a network need another one than those that calibrate it.
    """
    assert spec.joints is not None, "the network takes joints"
    batch = spec.inputs[0].shape[0]
    joints = spec.inputs[0].shape[1:]
    stream = np.random.RandomState(seed)
    inputs = []
    for number in range(count):
        dynamic, *_ = _clamp((1 + 2 * number, *map(int, joints)), spec.inputs[0], ranges)
        people = batch if isinstance(batch, int) else dynamic
        tensors, placed = prepare_joints(generate_people(joint_set_of(spec), people, stream), spec)
        placements = tuple(PlacedJoints(placed.joints[index : index + 1]) for index in range(people))
        inputs.append(NetworkInput(f"{people} random people {number}", tensors, placements))
    return inputs


def generate_people(joint_set: JointSet, count: int, stream: np.random.RandomState) -> Array:
    """Return (count, joints, 2) px: bones of 20 to 80 px in random directions, starting at the first joint.

    Joints without a bone are placed like neighbors of the first joint.
    """
    people = np.zeros((count, len(joint_set), 2))
    bones = (*joint_set.bones, *(bone[::-1] for bone in joint_set.bones))
    placed = {0}
    while len(placed) < len(joint_set):
        has_next = any(a in placed and b not in placed for a, b in bones)
        missing = next(joint for joint in range(len(joint_set)) if joint not in placed)
        for a, b in bones if has_next else ((0, missing),):
            if a in placed and b not in placed:
                length, angle = stream.uniform(20, 80, count), stream.uniform(0, 2 * np.pi, count)
                people[:, b] = people[:, a] + np.stack(
                    [length * np.cos(angle), length * np.sin(angle)], axis=1
                )
                placed.add(b)
    return people


def build_noise_input(
    spec: ModelSpec,
    batch: int | None = None,
    size: tuple[int, int] | None = None,
    ranges: Ranges = NO_RANGES,
) -> NetworkInput:
    """Return seeded noise for a network without an image contract.

    Dynamic axes are filled by position: the first is the batch (default 1, or the minimum of ``ranges``), the
    third and fourth of a tensor of four are ``size``.

    Raises:
        InputError: the length of a dynamic axis is unknown, or the input has another batch or size.
    """
    stream = np.random.RandomState(SEED)
    height_and_width = dict(zip((2, 3), size, strict=True)) if size else {}
    minimum = {name: lows[0] for name, (lows, _) in ranges.items()}
    tensors = [
        _fill_axes(tensor, {0: batch or minimum.get(tensor.name, 1)} | height_and_width)
        for tensor in spec.inputs
    ]
    _check(tensors, batch, size)
    for tensor in tensors:
        if tensor.is_dynamic:
            hint = "pass `input_size=HxW`" if len(tensor.shape) == 4 else "export it with fixed shapes"
            raise InputError(f"the lengths of the dynamic axes of the input {tensor} are unknown; {hint}")
    return NetworkInput("random", {tensor.name: _generate_noise(tensor, stream) for tensor in tensors})


def _generate_noise(tensor: TensorSpec, stream: np.random.RandomState) -> Array:
    shape = tuple(int(axis) for axis in tensor.shape)
    if tensor.dtype not in np.sctypeDict or 0 in shape:
        raise InputError(f"the input {tensor} cannot be filled with noise; expected integers or floats")
    if np.issubdtype(tensor.dtype, np.integer):
        return stream.randint(0, 256, shape).astype(tensor.dtype)
    return stream.standard_normal(shape).astype(tensor.dtype)
