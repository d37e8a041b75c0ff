"""The same pictures for every candidate, as its contract wants them: noise, drawn people or the user's."""

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
"""The day of arXiv:1811.12004: any fixed number would do."""


@dataclass(frozen=True)
class Sample:
    """One input of a network. ``placements``: where each image, or person, of the batch lies in it; empty
    without."""

    name: str
    tensors: Tensors
    placements: tuple[Placed, ...] = ()


def sized(
    spec: ModelSpec,
    batch: int | None = None,
    size: tuple[int, int] | None = None,
    ranges: Ranges = NO_RANGES,
) -> ModelSpec:
    """An image network's spec with free axes at these lengths, 1 and the working size where not given, or
    what is nearest to that in the inputs' ranges.

    Raises:
        InputError: a batch or size is asked for and the input has another, fixed one.
    """
    assert spec.contract is not None, "the caller asks only for networks that take an image"
    tensor = spec.inputs[0]
    height, width = size or (spec.contract.height, spec.contract.width)
    wanted: tuple[int, ...] = (batch or 1, 3, height, width)
    if tensor.layout == "NHWC":
        wanted = (batch or 1, height, width, 3)
    if batch is None and size is None:
        wanted = _within(wanted, tensor, ranges)
    tensor = _filled_in(tensor, dict(enumerate(wanted)))
    _check([tensor], batch, size)
    return replace(spec, inputs=(tensor,))


def resized(spec: ModelSpec, ranges: Ranges = NO_RANGES) -> ModelSpec:
    """The same with free axes at other lengths: two images, higher and wider than the working size, or what
    is nearest to that in the inputs' ranges."""
    assert spec.contract is not None, "the caller asks only for networks that take an image"
    step = 4 * spec.contract.multiple
    tensor, height, width = spec.inputs[0], spec.contract.height + step, spec.contract.width + step
    asked = (2, height, width, 3) if tensor.layout == "NHWC" else (2, 3, height, width)
    wanted = _within(asked, tensor, ranges)
    return replace(spec, inputs=(_filled_in(tensor, dict(enumerate(wanted))),))


def _within(wanted: tuple[int, ...], tensor: TensorSpec, ranges: Ranges) -> tuple[int, ...]:
    smallest, largest = ranges.get(tensor.name, (wanted, wanted))
    return tuple(
        min(max(length, low), high) for length, low, high in zip(wanted, smallest, largest, strict=True)
    )


def _filled_in(tensor: TensorSpec, wanted: Mapping[int, int]) -> TensorSpec:
    """The tensor with its free axes at the wanted lengths, by position."""
    shape = tuple(
        wanted.get(position, axis) if isinstance(axis, str) else axis
        for position, axis in enumerate(tensor.shape)
    )
    return replace(tensor, shape=shape)


def _check(tensors: Sequence[TensorSpec], batch: int | None, size: tuple[int, int] | None) -> None:
    """Refuse a batch or size that none of the inputs has."""
    inputs = ", ".join(map(str, tensors))
    if batch is not None and not any(tensor.shape[:1] == (batch,) for tensor in tensors):
        raise InputError(
            f"`batch={batch}`: the input {inputs} is of another, fixed batch; leave the option out"
        )
    if size is not None and not any(
        len(tensor.shape) == 4 and tensor.image_size == size for tensor in tensors
    ):
        raise InputError(
            f"`input_size={size[0]}x{size[1]}`: the input {inputs} is of another, fixed size; leave the "
            "option out"
        )


def image_size(spec: ModelSpec) -> tuple[int, int]:
    """(height, width) of the input of a ``sized`` spec."""
    height, width = spec.inputs[0].image_size
    return int(height), int(width)


def plain(reference: ModelSpec, candidate: ModelSpec) -> ModelSpec:
    """The reference's spec for the candidate's picture: the same size, with its own part embedded."""
    if candidate.contract is None or reference.contract is None:
        return replace(reference, inputs=candidate.inputs)
    size = candidate.inputs[0].image_size
    image = (*size, 3) if reference.inputs[0].layout == "NHWC" else (3, *size)
    tensor = replace(reference.inputs[0], shape=(candidate.inputs[0].shape[0], *image))
    contract = replace(candidate.contract, embedded=reference.contract.embedded)
    return replace(reference, inputs=(tensor,), contract=contract)


def random_images(spec: ModelSpec, count: int) -> list[Array]:
    """Images (H, W, 3) uint8 of coarse noise, of the size of a ``sized`` spec's input.

    Blocks of 8 px and not single pixels: a network sees structure in them, as in a photograph.
    """
    height, width = image_size(spec)
    stream = np.random.RandomState(SEED)
    blocks = stream.randint(0, 256, (count, -(-height // 8), -(-width // 8), 3)).astype(np.uint8)
    return [block.repeat(8, axis=0).repeat(8, axis=1)[:height, :width] for block in blocks]


def drawn_images(spec: ModelSpec, count: int) -> list[Array]:
    """Images (H, W, 3) uint8 of drawn people, of the size of a ``sized`` spec's input, as far as they can be
    drawn."""
    height, width = (min(max(MIN_SIDE, length), MAX_SIDE) for length in image_size(spec))
    return [generate_scene(SEED, index, (width, height)).image for index in range(count)]


def image_samples(spec: ModelSpec, images: Sequence[tuple[str, Array]]) -> list[Sample]:
    """Each image as an input of the network; a larger batch is the image and its mirror in turn."""
    return [_sample(spec, name, image) for name, image in images]


def people_samples(spec: ModelSpec, count: int, ranges: Ranges = NO_RANGES) -> list[Sample]:
    """Inputs of a network on 2D joints: random people, as many as it takes; one, then more, where that is
    free and in the inputs' ranges."""
    assert spec.joints is not None, "the caller asks only for networks that take joints"
    batch = spec.inputs[0].shape[0]
    joints = spec.inputs[0].shape[1:]
    stream = np.random.RandomState(SEED)
    samples = []
    for number in range(count):
        free, *_ = _within((1 + 2 * number, *map(int, joints)), spec.inputs[0], ranges)
        crowd = batch if isinstance(batch, int) else free
        people = random_people(joint_set_of(spec), crowd, stream)
        tensors, placed = prepare_joints(people, spec)
        each = tuple(PlacedJoints(placed.joints[index : index + 1]) for index in range(crowd))
        samples.append(Sample(f"{crowd} random people {number}", tensors, each))
    return samples


def random_people(joint_set: JointSet, count: int, stream: np.random.RandomState) -> Array:
    """(count, joints, 2) px: bones of 20 to 80 px in random directions, from the first joint on, which those
    that no bone joins to it are as near to."""
    people = np.zeros((count, len(joint_set), 2))
    bones = (*joint_set.bones, *(bone[::-1] for bone in joint_set.bones))
    placed = {0}
    while len(placed) < len(joint_set):
        reached = any(a in placed and b not in placed for a, b in bones)
        apart = next(joint for joint in range(len(joint_set)) if joint not in placed)
        for a, b in bones if reached else ((0, apart),):
            if a in placed and b not in placed:
                length, angle = stream.uniform(20, 80, count), stream.uniform(0, 2 * np.pi, count)
                people[:, b] = people[:, a] + np.stack(
                    [length * np.cos(angle), length * np.sin(angle)], axis=1
                )
                placed.add(b)
    return people


def random_tensors(
    spec: ModelSpec,
    batch: int | None = None,
    size: tuple[int, int] | None = None,
    ranges: Ranges = NO_RANGES,
) -> Sample:
    """Seeded noise for a network that has no image contract.

    Free axes are filled in by position: the first is the batch (if not given 1, or the least that ``ranges``
    allows), the third and fourth of a tensor of four are ``size``.

    Raises:
        InputError: nothing says how long a free axis is, or what was asked for is not what the input has.
    """
    stream = np.random.RandomState(SEED)
    height_and_width = dict(zip((2, 3), size, strict=True)) if size else {}
    least = {name: smallest[0] for name, (smallest, _) in ranges.items()}
    tensors = [
        _filled_in(tensor, {0: batch or least.get(tensor.name, 1)} | height_and_width)
        for tensor in spec.inputs
    ]
    _check(tensors, batch, size)
    for tensor in tensors:
        if tensor.is_dynamic:
            hint = "`input_size=HxW`" if len(tensor.shape) == 4 else "fixed shapes when it is exported"
            raise InputError(f"nothing says how long the free axes of the input {tensor} are; give {hint}")
    return Sample("random", {tensor.name: _noise(tensor, stream) for tensor in tensors})


def _sample(spec: ModelSpec, name: str, image: Array) -> Sample:
    batch = spec.inputs[0].shape[0]
    count = batch if isinstance(batch, int) else 1
    one = replace(spec, inputs=(replace(spec.inputs[0], shape=(1, *spec.inputs[0].shape[1:])),))
    try:
        prepared = [prepare(image if index % 2 == 0 else image[:, ::-1], one) for index in range(count)]
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    tensor = spec.inputs[0].name
    stacked = np.concatenate([tensors[tensor] for tensors, _ in prepared])
    return Sample(name, {tensor: stacked}, tuple(placement for _, placement in prepared))


def _noise(tensor: TensorSpec, stream: np.random.RandomState) -> Array:
    shape = tuple(int(axis) for axis in tensor.shape)
    if tensor.dtype not in np.sctypeDict or 0 in shape:
        raise InputError(f"the input {tensor} cannot be filled with noise; only whole numbers and floats can")
    if np.issubdtype(tensor.dtype, np.integer):
        return stream.randint(0, 256, shape).astype(tensor.dtype)
    return stream.standard_normal(shape).astype(tensor.dtype)
