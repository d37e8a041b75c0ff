"""Random people for property tests, and the settings of these tests."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from posedeploy.types import Array, Poses

checked = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
"""The same examples in every run, no examples on disk, and no time limit."""

KEYPOINTS = 17


@st.composite
def crowds(draw: st.DrawFn, min_people: int = 0) -> Poses:
    """Generate up to five people of 40 to 300 px with 3D joints and meshes and with some missing
    keypoints."""
    count = draw(st.integers(min_people, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    missing = draw(st.sampled_from([0.0, 0.2, 0.6]))
    return people(random, count, missing)


def people(random: np.random.Generator, count: int, missing: float = 0.0) -> Poses:
    """Return random people with at least three keypoints each."""
    size = random.uniform(40, 300, (count, 1, 1))
    points = random.uniform(0, 1, (count, KEYPOINTS, 2)) * size + random.uniform(0, 900, (count, 1, 2))
    is_missing = random.random((count, KEYPOINTS)) < missing
    is_missing[:, :3] = False
    keypoints = np.concatenate([points, random.uniform(0.1, 1, (count, KEYPOINTS, 1))], axis=2)
    keypoints[is_missing] = -1
    joints = random.normal(0, 400, (count, KEYPOINTS, 3)) + random.normal(0, 2000, (count, 1, 3))
    in_3d = np.concatenate([joints, keypoints[..., 2:]], axis=2)
    vertices = random.normal(0, 400, (count, 30, 3))
    return Poses(keypoints, random.random(count), keypoints_3d=in_3d, vertices=vertices)


def noisy(poses: Poses, seed: int, px: float = 1.0, mm: float = 10.0) -> Poses:
    """Return the people with random noise on every present point."""
    random = np.random.default_rng(seed)
    return moved(
        poses,
        random.normal(0, px, (*poses.keypoints.shape[:2], 2)),
        random.normal(0, mm, (*poses.keypoints_3d.shape[:2], 3)),
        random.normal(0, mm, poses.vertices.shape),
    )


def moved(poses: Poses, by_px: Array, by_mm: Array, vertices_by_mm: Array | float = 0.0) -> Poses:
    """Return the people with their present points moved."""
    keypoints, in_3d = poses.keypoints.copy(), poses.keypoints_3d.copy()
    is_present = keypoints[..., 2] >= 0
    keypoints[..., :2] += np.where(is_present[..., None], by_px, 0)
    in_3d[..., :3] += by_mm
    return Poses(keypoints, poses.scores, keypoints_3d=in_3d, vertices=poses.vertices + vertices_by_mm)


def shuffled(poses: Poses, seed: int) -> Poses:
    """Return the people in a random order."""
    order = np.random.default_rng(seed).permutation(len(poses))
    return Poses(
        poses.keypoints[order],
        poses.scores[order],
        keypoints_3d=poses.keypoints_3d[order],
        vertices=poses.vertices[order],
    )
