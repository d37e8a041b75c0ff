"""Batches to train lightweight-openpose-2d with: drawn people, and what its maps of them should be.

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

from posedeploy.poses.fields import FIELDS, LIMBS
from posedeploy.poses.lightweight_openpose_2d import CONTRACT, KEYPOINT_NAMES
from posedeploy.samples import Draws, Scene, draw
from posedeploy.types import Array

STRIDE = 8
SIGMA_PX = 7.0
LIMB_CELLS = 1.0
CELL_PX = 3.0
"""Where in its 8 px a cell is: what the decoding makes of a peak in cell 0 (its enlargement by 4 puts the
cell's middle at 1.5 of the fine cells, each 2 px)."""
PIXELS = 14 * 192 * 192
"""About as many in each batch, whatever its size."""
SIZES = ((192, 192), (192, 192), (256, 192), (256, 256), (256, 256), (344, 256), (456, 256))
"""Widths and heights in px that batches have."""
CROPS = 2
"""Crops that are taken of each drawn image."""
FLIPPED = [
    KEYPOINT_NAMES.index({"r": "l", "l": "r"}[name[0]] + name[1:] if name[1] == "_" else name)
    for name in KEYPOINT_NAMES
]


@dataclass(frozen=True)
class Batch:
    """images (N, 3, H, W), normalised; heatmaps (N, 19, h, w); pafs (N, 38, h, w); mask (N, 1, h, w), 0 where
    people are that nobody could recognise."""

    images: Tensor
    heatmaps: Tensor
    pafs: Tensor
    mask: Tensor


class Batches(Dataset[Batch]):
    """Batch ``i`` of a seed is the same each time: training that resumes goes on with the next one."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __getitem__(self, number: int) -> Batch:
        cv2.setNumThreads(1)
        draws = Draws(self._seed, number, 1)
        width, height = draws.pick(SIZES)
        count = max(2, PIXELS // (width * height) // CROPS * CROPS)
        examples = [
            example(scene, draws, width, height)
            for scene in _scenes(self._seed, number, count // CROPS)
            for _ in range(CROPS)
        ]
        images, heatmaps, pafs, mask = (
            torch.from_numpy(np.stack(arrays)) for arrays in zip(*examples, strict=True)
        )
        return Batch(images, heatmaps, pafs, mask)


def _scenes(seed: int, number: int, count: int) -> Iterator[Scene]:
    return (draw(seed, number * 64 + index) for index in range(count))


def example(scene: Scene, draws: Draws, width: int, height: int) -> tuple[Array, Array, Array, Array]:
    """One crop of a scene, near the scale at which the network sees it: image, heatmaps, pafs and mask."""
    full = scene.image.shape[0]
    scale = CONTRACT.height / full * 2 ** draws.about(0.05, 0.75)
    image = cv2.resize(scene.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    left, top = _corner(draws, scene, scale, (image.shape[1], image.shape[0]), (width, height))
    ignored = [index + 1 for index, person in enumerate(scene.people) if not person.recognisable]
    owned = np.isin(scene.owners, ignored).astype(np.uint8)
    unknown: Array = cv2.resize(owned, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_NEAREST)
    ground = [round(mean) for mean in CONTRACT.mean]
    image = _cut(image, left, top, width, height, ground)
    unknown = _cut(unknown, left, top, width, height, [0])
    people = [
        (person.keypoints * scale - (left, top), person.visibility > 0)
        for person in scene.people
        if person.recognisable
    ]
    if draws.chance(0.5):
        image, unknown = image[:, ::-1], unknown[:, ::-1]
        people = [((points * (-1, 1) + (width - 1, 0))[FLIPPED], seen[FLIPPED]) for points, seen in people]
    if draws.chance(0.15):
        image = np.repeat(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)
    tensor = (image.transpose(2, 0, 1).astype(np.float32) - 128) / 256
    cells = (width // STRIDE, height // STRIDE)
    mask = cv2.resize(np.ascontiguousarray(unknown), cells, interpolation=cv2.INTER_AREA) == 0
    return tensor, heatmaps_of(people, *cells), pafs_of(people, *cells), mask[None].astype(np.float32)


def _corner(
    draws: Draws, scene: Scene, scale: float, size: tuple[int, int], crop: tuple[int, int]
) -> tuple[int, int]:
    """Where to cut: around some person mostly, else anywhere."""
    at = [draws.uniform(0, size[0]), draws.uniform(0, size[1])]
    if scene.people and draws.chance(0.8):
        x, y, width, height = draws.pick(scene.people).box
        at = [draws.uniform(x, x + width) * scale, draws.uniform(y, y + height) * scale]
    first, second = (
        round(min(max(place - want / 2, min(0, (have - want) / 2)), max(0, have - want)))
        for place, have, want in zip(at, size, crop, strict=True)
    )
    return first, second


def _cut(image: Array, left: int, top: int, width: int, height: int, ground: list[int]) -> Array:
    """A window of the image, the ground's value where it goes beyond."""
    before_x, before_y = max(0, -left), max(0, -top)
    part = image[max(0, top) : top + height, max(0, left) : left + width]
    after_x, after_y = width - before_x - part.shape[1], height - before_y - part.shape[0]
    return cv2.copyMakeBorder(part, before_y, after_y, before_x, after_x, cv2.BORDER_CONSTANT, value=ground)


def heatmaps_of(people: list[tuple[Array, Array]], width: int, height: int) -> Array:
    """(19, height, width) float32: a Gaussian at each labelled keypoint, and last the background."""
    maps = np.zeros((len(KEYPOINT_NAMES) + 1, height, width), np.float32)
    columns = np.arange(width, dtype=np.float32) * STRIDE + CELL_PX
    rows = np.arange(height, dtype=np.float32) * STRIDE + CELL_PX
    for points, labelled in people:
        across = np.exp(-((points[:, 0, None] - columns) ** 2) / (2 * SIGMA_PX**2))
        down = np.exp(-((points[:, 1, None] - rows) ** 2) / (2 * SIGMA_PX**2))
        for keypoint in np.flatnonzero(labelled):
            np.maximum(maps[keypoint], np.outer(down[keypoint], across[keypoint]), out=maps[keypoint])
    maps[maps < 0.01] = 0
    maps[-1] = 1 - maps[:-1].max(axis=0)
    return maps


def pafs_of(people: list[tuple[Array, Array]], width: int, height: int) -> Array:
    """(38, height, width) float32: the limbs' unit vectors, averaged where limbs of one kind cross."""
    fields = np.zeros((2 * len(LIMBS), height, width), np.float32)
    counts = np.zeros((len(LIMBS), height, width), np.float32)
    for points, labelled in people:
        cells = (points - CELL_PX) / STRIDE
        for limb, (start, end) in enumerate(LIMBS):
            if labelled[start] and labelled[end]:
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
