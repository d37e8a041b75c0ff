"""Helpers of the tests of ``posedeploy.poses``."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from posedeploy.poses import lightweight_openpose_2d, lightweight_openpose_3d
from posedeploy.types import Camera, InputContract, ModelSpec, Placement, Poses, TensorSpec

FAMILIES = {"2d": lightweight_openpose_2d, "3d": lightweight_openpose_3d}


def image_spec(
    contract: InputContract | None, shape=(1, 3, "height", "width"), dtype="float32", layout="NCHW"
) -> ModelSpec:
    """Return the spec of a network on one image."""
    return ModelSpec("some-network", "", (TensorSpec("data", shape, dtype, layout),), (), contract)


def decode(module: ModuleType, maps: dict, placement: Placement, camera: Camera | None = None) -> Poses:
    """Decode maps given by role."""
    spec = ModelSpec("some-network", "", (), (), roles={role: f"out_{role}" for role in module.ROLES})
    outputs = {f"out_{role}": array for role, array in maps.items()}
    return module.decode(outputs, spec, placement, camera or Camera())


def placement_of(maps: np.ndarray, scale: float = 1.0, offset=(0, 0), image_size=(1280, 720)) -> Placement:
    """Return the placement of maps (…, h, w) of stride 8."""
    return Placement(scale, offset, image_size, (8 * maps.shape[-1], 8 * maps.shape[-2]))


def some_poses(positions, scores=None, **more) -> Poses:
    """Return poses of (people, keypoints, 2) positions, NaN if missing, with scores of 0.9."""
    positions = np.asarray(positions, np.float64)
    keypoints = np.concatenate([positions, np.full((*positions.shape[:-1], 1), 0.9)], axis=-1)
    keypoints[np.isnan(positions).any(axis=-1)] = -1
    people = len(positions)
    return Poses(keypoints, np.arange(people, 0.0, -1) if scores is None else np.asarray(scores), **more)
