"""The same pictures for every candidate: random or the user's, as each network's own contract wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.preprocess import prepare
from posedeploy.types import Array, ModelSpec, Placement, Tensors, TensorSpec

SEED = 20181129
"""The day of arXiv:1811.12004: any fixed number would do."""


@dataclass(frozen=True)
class Sample:
    """One input of a network. ``placements``: where each image of the batch lies in it; empty without."""

    name: str
    tensors: Tensors
    placements: tuple[Placement, ...] = ()


def sized(spec: ModelSpec, batch: int = 1, size: tuple[int, int] | None = None) -> ModelSpec:
    """An image network's spec with the input's free axes at these lengths; size None is the working size.

    Raises:
        InputError: a size is asked for and the input has another, fixed one.
    """
    assert spec.contract is not None, "the caller asks only for networks that take an image"
    height, width = size or (spec.contract.height, spec.contract.width)
    tensor = spec.inputs[0]
    wanted = (batch, height, width, 3) if tensor.layout == "NHWC" else (batch, 3, height, width)
    shape = tuple(
        length if isinstance(axis, str) else axis for axis, length in zip(tensor.shape, wanted, strict=True)
    )
    if size is not None and shape[1:] != wanted[1:]:
        raise InputError(
            f"--input-size {height}x{width}: the input {tensor} is of fixed size; leave the option out"
        )
    return replace(spec, inputs=(replace(tensor, shape=shape),))


def image_size(spec: ModelSpec) -> tuple[int, int]:
    """(height, width) of the input of a ``sized`` spec."""
    shape = spec.inputs[0].shape
    height, width = shape[1:3] if spec.inputs[0].layout == "NHWC" else shape[2:4]
    return int(height), int(width)


def plain(reference: ModelSpec, candidate: ModelSpec) -> ModelSpec:
    """The reference's spec for the candidate's picture: the same size, with its own part embedded."""
    if candidate.contract is None or reference.contract is None:
        return replace(reference, inputs=candidate.inputs)
    shape = candidate.inputs[0].shape
    height, width = shape[1:3] if candidate.inputs[0].layout == "NHWC" else shape[2:4]
    tensor = replace(reference.inputs[0], shape=(shape[0], 3, height, width))
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


def image_samples(spec: ModelSpec, images: Sequence[tuple[str, Array]]) -> list[Sample]:
    """Each image as an input of the network; a larger batch is the image and its mirror in turn."""
    return [_sample(spec, name, image) for name, image in images]


def random_tensors(spec: ModelSpec, lengths: Mapping[str, int] | None = None) -> Sample:
    """Seeded noise for inputs that are not an image; a free axis has length 1 or that of ``lengths``."""
    stream = np.random.RandomState(SEED)
    return Sample("random", {tensor.name: _noise(tensor, stream, lengths or {}) for tensor in spec.inputs})


def _sample(spec: ModelSpec, name: str, image: Array) -> Sample:
    batch = spec.inputs[0].shape[0]
    count = batch if isinstance(batch, int) else 1
    one = replace(spec, inputs=(replace(spec.inputs[0], shape=(1, *spec.inputs[0].shape[1:])),))
    prepared = [prepare(image if index % 2 == 0 else image[:, ::-1], one) for index in range(count)]
    tensor = spec.inputs[0].name
    stacked = np.concatenate([tensors[tensor] for tensors, _ in prepared])
    return Sample(name, {tensor: stacked}, tuple(placement for _, placement in prepared))


def _noise(tensor: TensorSpec, stream: np.random.RandomState, lengths: Mapping[str, int]) -> Array:
    free = {axis: 1 for axis in tensor.shape if isinstance(axis, str)}
    shape = tensor.fixed(free | dict(lengths)).shape
    if np.issubdtype(tensor.dtype, np.integer):
        return stream.randint(0, 256, shape).astype(tensor.dtype)  # type: ignore[arg-type]
    return stream.standard_normal(shape).astype(tensor.dtype)  # type: ignore[arg-type]
