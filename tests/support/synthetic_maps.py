"""Synthetic heatmaps, part affinity fields and 3D feature maps, for tests and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.poses.lightweight_openpose_3d import PANOPTIC
from posedeploy.poses.limbs import FIELDS, LIMBS
from posedeploy.types import Array

# A standing person of height 1 around (0, 0), x right and y down, with the keypoints of the 2D network.
STANDING = np.array(
    [
        (0.00, -0.42), (0.00, -0.31), (-0.10, -0.30), (-0.14, -0.15), (-0.15, 0.00), (0.10, -0.30),
        (0.14, -0.15), (0.15, 0.00), (-0.06, 0.01), (-0.07, 0.24), (-0.07, 0.46), (0.06, 0.01),
        (0.07, 0.24), (0.07, 0.46), (-0.02, -0.45), (0.02, -0.45), (-0.05, -0.44), (0.05, -0.44),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Maps:
    """heatmaps (19, h, w), pafs (38, h, w), features (57, h, w) float32; keypoints (people, 18, 2) cells."""

    heatmaps: Array
    pafs: Array
    features: Array
    keypoints: Array


def crowd(
    people: int, height: int = 32, width: int = 57, seed: int = 0, noise: float = 0.02, missing: float = 0.0
) -> Maps:
    """Return maps of people at random positions with random sizes. missing: the fraction of missing
    keypoints."""
    random = np.random.default_rng(seed)
    sizes = height * random.uniform(0.55, 0.9, people)
    centers = np.stack(
        [
            (np.arange(people) + random.uniform(0.3, 0.7, people)) * width / max(people, 1),
            np.full(people, height / 2),
        ],
        axis=1,
    )
    keypoints = centers[:, None] + sizes[:, None, None] * (STANDING + random.normal(0, 0.02, (people, 18, 2)))
    seen = random.random((people, 18)) >= missing
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)
    heatmaps = _heatmaps(keypoints, seen, grid)
    pafs = _pafs(keypoints, seen, grid)
    features = _features(keypoints, sizes, grid, random)
    noisy = [
        (maps + random.normal(0, noise, maps.shape)).astype(np.float32) for maps in (heatmaps, pafs, features)
    ]
    return Maps(noisy[0], noisy[1], noisy[2], keypoints)


def _heatmaps(keypoints: Array, seen: Array, grid: Array) -> Array:
    maps = np.zeros((19, *grid.shape[:2]))
    for person, visible in zip(keypoints, seen, strict=True):
        for kind in np.flatnonzero(visible):
            blob = np.exp(-((grid - person[kind]) ** 2).sum(-1) / (2 * 0.9**2))
            maps[kind] = np.maximum(maps[kind], blob)
    maps[18] = 1 - maps[:18].max(axis=0)
    return maps


def _pafs(keypoints: Array, seen: Array, grid: Array) -> Array:
    maps = np.zeros((38, *grid.shape[:2]))
    for person, visible in zip(keypoints, seen, strict=True):
        for (start, end), pair in zip(LIMBS, FIELDS, strict=True):
            if not (visible[start] and visible[end]):
                continue
            along = person[end] - person[start]
            length = float(np.hypot(*along)) + 1e-9
            along = along / length
            offset = grid - person[start]
            forward = offset @ along
            aside = np.abs(offset @ np.array([-along[1], along[0]]))
            inside = (forward > -0.7) & (forward < length + 0.7) & (aside < 0.9)
            maps[2 * pair : 2 * pair + 2, inside] = along[:, None]
    return maps


def _features(keypoints: Array, sizes: Array, grid: Array, random: np.random.Generator) -> Array:
    """Return features in which each cell has the root-relative joints of the nearest person, in heights of
    the person."""
    people = len(keypoints)
    joints = np.zeros((people, 19, 3))
    for index in range(people):
        hips = keypoints[index, [8, 11]].mean(axis=0)
        joints[index, PANOPTIC, :2] = (keypoints[index] - hips) / sizes[index]
        joints[index, PANOPTIC, 2] = random.uniform(-0.1, 0.1, 18)
    if not people:
        return np.zeros((57, *grid.shape[:2]))
    nearest = np.linalg.norm(grid[:, :, None] - keypoints.mean(axis=1), axis=-1).argmin(axis=-1)
    features: Array = joints.reshape(people, 57)[nearest].transpose(2, 0, 1)
    return features
