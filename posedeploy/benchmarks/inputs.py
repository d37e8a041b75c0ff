"""Inputs of networks by their contracts: noise, random joints and images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posedeploy.benchmarks.input_shapes import (
    NO_RANGES,
    check_batch_and_size,
    fill_axes,
    find_batches,
    get_image_size,
    with_batch_of_one,
)
from posedeploy.errors import InputError
from posedeploy.joint_sets import JointSet
from posedeploy.poses.preprocess import prepare
from posedeploy.types import Array, ModelSpec, Placed, Ranges, Tensors, TensorSpec

SEED = 20181129


@dataclass(frozen=True)
class VideoFrame:
    """The place of an image in a video. number: counted from 0. time_s: from the start of the video."""

    video: str
    number: int
    time_s: float | None

    @property
    def label(self) -> str:
        """The name of the frame."""
        return f"{self.video}, frame {self.number}"


@dataclass(frozen=True)
class NetworkInput:
    """One input of a network.

    placements: the placement of each image or person of the batch; empty if unknown. image: the source of the
    tensors: (H, W, 3) uint8, or (batch, H, W, 3) with the image of each place; None for other inputs.
    box: (4,) px of the person whose crop it is; None for the whole image. as_reference: the same image,
    prepared as the reference's contract requires, in the form that this network takes; None if that gives
    the same tensors. frame: of the video that the image belongs to; None for other images.
    """

    name: str
    tensors: Tensors
    placements: tuple[Placed, ...] = ()
    image: Array | None = None
    box: Array | None = None
    as_reference: NetworkInput | None = None
    frame: VideoFrame | None = None


def generate_noise_images(spec: ModelSpec, count: int) -> list[Array]:
    """Return (H, W, 3) uint8 images of noise, of the input size of a spec with a fixed size.

    The noise has blocks of 8 px, because single pixels have less structure for a network than a photograph.
    """
    height, width = get_image_size(spec)
    stream = np.random.RandomState(SEED)
    blocks = stream.randint(0, 256, (count, -(-height // 8), -(-width // 8), 3)).astype(np.uint8)
    return [block.repeat(8, axis=0).repeat(8, axis=1)[:height, :width] for block in blocks]


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
        prepared = [
            prepare(image_in_place(image, place), one, _box_in_place(box, image, place)) for place in places
        ]
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    tensor = spec.inputs[0].name
    stacked = np.concatenate([tensors[tensor] for tensors, _ in prepared])
    placements = tuple(placement for _, placement in prepared)
    return NetworkInput(name, {tensor: stacked}, placements, image, box)


def image_in_place(image: Array, place: int) -> Array:
    """Return the (H, W, 3) image in a place of a batch: every second one is mirrored, unless the image is
    (batch, H, W, 3)."""
    if image.ndim == 4:
        chosen: Array = image[place]
        return chosen
    return image if place % 2 == 0 else image[:, ::-1]


def _box_in_place(box: Array | None, image: Array, place: int) -> Array | None:
    """Return the (4,) box of the same person in the image in a place of a batch."""
    if box is None or image.ndim == 4 or place % 2 == 0:
        return box
    x, y, width, height = box
    return np.array([image.shape[1] - x - width, y, width, height])


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
    height_and_width = dict(zip((2, 3), size, strict=True)) if size else {}
    minimum = {name: lows[0] for name, (lows, _) in ranges.items()}
    tensors = [
        fill_axes(tensor, {0: batch or minimum.get(tensor.name, 1)} | height_and_width)
        for tensor in spec.inputs
    ]
    check_batch_and_size(tensors, batch, size)
    return _fill_with_noise("random", tensors, "pass `input_size=HxW`")


def build_noise_inputs(spec: ModelSpec, max_batch: int, ranges: Ranges = NO_RANGES) -> list[NetworkInput]:
    """Return seeded noise for a comparison of a network without an image contract, which differs in each
    place of a batch: one input for each end of the dynamic axes, or a single one without dynamic axes.

    As for images, the largest batch has the smallest other axes, and the reverse, to bound memory.

    Args:
        max_batch: the largest batch where it is dynamic and has no range.

    Raises:
        InputError: the length of another dynamic axis is unknown.
    """
    smallest, largest = (_list_ends(spec, max_batch, ranges, at) for at in (0, 1))
    hint = "describe it with `contract=FILE.toml`, or export it with fixed shapes"
    if smallest == largest:
        return [_fill_with_noise("random", smallest, hint)]
    changed = [
        number for number, pair in enumerate(zip(smallest, largest, strict=True)) if pair[0] != pair[1]
    ]
    inputs = []
    for tensors in (smallest, largest):
        shapes = ["x".join(map(str, tensors[number].shape)) for number in changed]
        inputs.append(_fill_with_noise(f"random {' and '.join(shapes)}", tensors, hint))
    return inputs


def _list_ends(spec: ModelSpec, max_batch: int, ranges: Ranges, at: int) -> list[TensorSpec]:
    """Return the tensors with the smallest (``at`` 0) or the largest batch, and the other end of the other
    axes."""
    tensors = []
    for tensor in spec.inputs:
        others = ranges[tensor.name][1 - at] if tensor.name in ranges else ()
        batch = find_batches(tensor, ranges, max_batch)[at] if tensor.shape else 1
        tensors.append(fill_axes(tensor, dict(enumerate(others)) | {0: batch}))
    return tensors


def _fill_with_noise(name: str, tensors: Sequence[TensorSpec], hint: str) -> NetworkInput:
    stream = np.random.RandomState(SEED)
    for tensor in tensors:
        if tensor.is_dynamic:
            advice = hint if len(tensor.shape) == 4 else "export it with fixed shapes"
            raise InputError(f"the lengths of the dynamic axes of the input {tensor} are unknown; {advice}")
    return NetworkInput(name, {tensor.name: _generate_noise(tensor, stream) for tensor in tensors})


def _generate_noise(tensor: TensorSpec, stream: np.random.RandomState) -> Array:
    shape = tuple(int(axis) for axis in tensor.shape)
    if tensor.dtype not in np.sctypeDict or 0 in shape:
        raise InputError(f"the input {tensor} cannot be filled with noise; expected integers or floats")
    if np.issubdtype(tensor.dtype, np.integer):
        return stream.randint(0, 256, shape).astype(tensor.dtype)
    return stream.standard_normal(shape).astype(tensor.dtype)
