"""Training batches for lightweight-openpose-2d: images of synthetic people and their ideal maps.

Heatmaps and part affinity fields as in the paper (arXiv:1811.12004) and in OpenPose (arXiv:1812.08008): a
Gaussian of 7 px at each keypoint, unit vectors along each limb within a cell of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from posedeploy.poses.lightweight_openpose_2d import CONTRACT, KEYPOINT_NAMES
from posedeploy.poses.limbs import FIELDS, LIMBS
from posedeploy.synthetic import PARTS, Rng, Scene, SyntheticPerson, generate_scene
from posedeploy.types import Array

STRIDE = 8
SIGMA_PX = 7.0
LIMB_CELLS = 1.0
CELL_PX = 3.0
"""The position in px that decoding returns for a peak in cell 0: upsampling by 4 puts the center of the cell
at 1.5 fine cells of 2 px."""
CROPS = 4
"""The number of crops of each synthetic image."""
MIN_HEIGHT_PX = 28
"""Smaller people are masked, because a stride of 8 cannot resolve them."""


@dataclass(frozen=True)
class Phase:
    """A phase of training.

    sizes: of the crops, (width, height) in px. pixels: the maximum in a batch. fits_person: each crop fits a
    person, which trains fastest; otherwise it has the scale of inference.
    """

    sizes: tuple[tuple[int, int], ...]
    pixels: int
    fits_person: bool


CLOSE_CROPS = Phase(((128, 128), (128, 128), (160, 160), (192, 192)), 20 * 128 * 128, True)
WIDE_CROPS = Phase(((192, 192), (256, 192), (256, 256), (352, 256)), 14 * 192 * 192, False)
FLIPPED = [
    KEYPOINT_NAMES.index({"r": "l", "l": "r"}[name[0]] + name[1:] if name[1] == "_" else name)
    for name in KEYPOINT_NAMES
]
_MIRRORED = [{"r_": "l_", "l_": "r_"}.get(part[:2], part[:2]) + part[2:] for part in PARTS]
FLIPPED_PARTS = np.array([0, *(1 + PARTS.index(part) for part in _MIRRORED)], np.uint8)


@dataclass(frozen=True)
class Batch:
    """images (N, 3, H, W), normalized; heatmaps (N, 19, h, w); pafs (N, 38, h, w); parts (N, h, w), the body
    part in each cell; mask (N, 1, h, w), 0 at people who are too small or hidden."""

    images: Tensor
    heatmaps: Tensor
    pafs: Tensor
    parts: Tensor
    mask: Tensor


class Batches(Dataset[Batch]):
    """Batch ``i`` of a seed is always the same, so that a resumed training continues with the next batch."""

    def __init__(self, seed: int, phase: Phase) -> None:
        self._seed, self._phase = seed, phase

    def __getitem__(self, number: int) -> Batch:
        cv2.setNumThreads(1)
        rng = Rng(self._seed, number, 1)
        width, height = rng.choice(self._phase.sizes)
        count = max(1, self._phase.pixels // (width * height) // CROPS)
        examples = [
            example(scene, rng, (width, height), self._phase.fits_person)
            for scene in _scenes(self._seed, number, count)
            for _ in range(CROPS)
        ]
        return Batch(*(torch.from_numpy(np.stack(arrays)) for arrays in zip(*examples, strict=True)))


def _scenes(seed: int, number: int, count: int) -> Iterator[Scene]:
    return (generate_scene(seed, number * 64 + index) for index in range(count))


def example(scene: Scene, rng: Rng, size: tuple[int, int], fits_person: bool) -> tuple[Array, ...]:
    """Return the arrays of a ``Batch`` for one crop of a scene; ``size`` in px."""
    person = rng.choice(scene.people)
    scale = CONTRACT.height / scene.image.shape[0] * 2 ** rng.around(0.1, 0.6)
    if fits_person:
        scale = min(scale * 1.3, min(size) * rng.uniform(0.45, 1.15) / max(*person.box[2:], 24))
    image = cv2.resize(scene.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    whole = (image.shape[1], image.shape[0])
    left, top = _corner(rng, person, scale, whole, size)
    known = [
        person.is_recognizable and max(person.box[2:]) * scale >= MIN_HEIGHT_PX for person in scene.people
    ]
    ignored = [index + 1 for index, is_known in enumerate(known) if not is_known]
    unknown = cv2.resize(
        np.isin(scene.owners, ignored).astype(np.uint8), whole, interpolation=cv2.INTER_NEAREST
    )
    parts = cv2.resize(scene.parts, whole, interpolation=cv2.INTER_NEAREST)
    image = _cut(image, left, top, *size, [round(mean) for mean in CONTRACT.mean])
    unknown, parts = _cut(unknown, left, top, *size, [0]), _cut(parts, left, top, *size, [0])
    people = [
        (person.keypoints * scale - (left, top), person.visibility > 0)
        for person, is_known in zip(scene.people, known, strict=True)
        if is_known
    ]
    if rng.chance(0.5):
        image, unknown, parts = image[:, ::-1], unknown[:, ::-1], FLIPPED_PARTS[parts[:, ::-1]]
        people = [((points * (-1, 1) + (size[0] - 1, 0))[FLIPPED], seen[FLIPPED]) for points, seen in people]
    if rng.chance(0.1):
        image = np.repeat(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)
    tensor = (image.transpose(2, 0, 1).astype(np.float32) - 128) / 256
    cells = (size[0] // STRIDE, size[1] // STRIDE)
    touched = unknown.reshape(cells[1], STRIDE, cells[0], STRIDE).max(axis=(1, 3))
    mask = cv2.dilate(touched, np.ones((3, 3), np.uint8)) == 0
    middle = parts[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE].astype(np.int64)
    return tensor, heatmaps_of(people, *cells), pafs_of(people, *cells), middle, mask[None].astype(np.float32)


def _corner(
    rng: Rng, person: SyntheticPerson, scale: float, size: tuple[int, int], crop: tuple[int, int]
) -> tuple[int, int]:
    """Return the corner of a crop at a random offset from the person."""
    x, y, width, height = person.box
    at = rng.around(x + width / 2, width / 2) * scale, rng.around(y + height / 2, height / 2) * scale
    first, second = (
        round(min(max(place - want / 2, min(0, (have - want) / 2)), max(0, have - want)))
        for place, have, want in zip(at, size, crop, strict=True)
    )
    return first, second


def _cut(image: Array, left: int, top: int, width: int, height: int, ground: list[int]) -> Array:
    """Return a window of the image, filled with ``ground`` outside the image."""
    before_x, before_y = max(0, -left), max(0, -top)
    part = image[max(0, top) : top + height, max(0, left) : left + width]
    after_x, after_y = width - before_x - part.shape[1], height - before_y - part.shape[0]
    return cv2.copyMakeBorder(part, before_y, after_y, before_x, after_x, cv2.BORDER_CONSTANT, value=ground)


def heatmaps_of(people: list[tuple[Array, Array]], width: int, height: int) -> Array:
    """Return (19, height, width) float32: a Gaussian at each labeled keypoint; the last map is the
    background."""
    maps = np.zeros((len(KEYPOINT_NAMES) + 1, height, width), np.float32)
    columns = np.arange(width, dtype=np.float32) * STRIDE + CELL_PX
    rows = np.arange(height, dtype=np.float32) * STRIDE + CELL_PX
    for points, labeled in people:
        across = np.exp(-((points[:, 0, None] - columns) ** 2) / (2 * SIGMA_PX**2))
        down = np.exp(-((points[:, 1, None] - rows) ** 2) / (2 * SIGMA_PX**2))
        for keypoint in np.flatnonzero(labeled):
            np.maximum(maps[keypoint], np.outer(down[keypoint], across[keypoint]), out=maps[keypoint])
    maps[maps < 0.01] = 0
    maps[-1] = 1 - maps[:-1].max(axis=0)
    return maps


def pafs_of(people: list[tuple[Array, Array]], width: int, height: int) -> Array:
    """Return (38, height, width) float32: the unit vectors of limbs, averaged where limbs of one kind
    cross."""
    fields = np.zeros((2 * len(LIMBS), height, width), np.float32)
    counts = np.zeros((len(LIMBS), height, width), np.float32)
    for points, labeled in people:
        cells = (points - CELL_PX) / STRIDE
        for limb, (start, end) in enumerate(LIMBS):
            if labeled[start] and labeled[end]:
                _add_limb(fields, counts[limb], FIELDS[limb], cells[start], cells[end])
    for pair, count in zip(FIELDS, counts, strict=True):
        fields[2 * pair : 2 * pair + 2] /= np.maximum(count, 1)
    return fields


def _add_limb(fields: Array, count: Array, pair: int, start: Array, end: Array) -> None:
    along = end - start
    length = float(np.hypot(*along))
    if length < 1e-3:
        return
    unit = along / length
    height, width = count.shape
    low = np.maximum(np.floor(np.minimum(start, end) - LIMB_CELLS), 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(start, end) + LIMB_CELLS) + 1, (width, height)).astype(int)
    if (high <= low).any():
        return
    x = np.arange(low[0], high[0]) - start[0]
    y = (np.arange(low[1], high[1]) - start[1])[:, None]
    near = np.abs(x * unit[1] - y * unit[0]) <= LIMB_CELLS
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    fields[2 * pair][window] += near * np.float32(unit[0])
    fields[2 * pair + 1][window] += near * np.float32(unit[1])
    count[window] += near
