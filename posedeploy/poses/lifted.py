"""Decode the outputs of networks on 2D joints: 3D joints, and a mesh if there is one."""

from __future__ import annotations

from typing import Final

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, Camera, ModelSpec, PlacedJoints, Poses, Tensors

JOINTS_ROLE: Final = "pose3d"
MESH_ROLE: Final = "cam_mesh"
ROLES = (JOINTS_ROLE, MESH_ROLE)


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return None: these networks need no description of their joints."""
    return None


def decode(outputs: Tensors, spec: ModelSpec, placed: PlacedJoints, camera: Camera) -> Poses:
    """Return the people of one batch.

    Positions are relative to each person's pelvis (or wrist), along the camera's axes. The distance of a
    person is unknown, so ``camera`` is not used. 2D positions and scores are those of the input.

    Args:
        outputs: (people, joints, 3) ``pose3d`` in mm, and (people, V, 3) ``cam_mesh`` in m.

    Raises:
        InputError: an output is missing, or has another number of people or joints than the input.
    """
    people, joints = placed.joints.shape[:2]
    positions = _output(outputs, spec, JOINTS_ROLE, people)
    if positions.shape[1] != joints:
        raise InputError(
            f"pose3d has {positions.shape[1]} joints, but the input {joints}; use the network's joint set"
        )
    scores = placed.joints[..., 2]
    return Poses(
        keypoints=placed.joints,
        scores=scores.mean(axis=1),
        keypoints_3d=np.concatenate([positions, scores[..., None]], axis=2),
        vertices=1000.0 * _output(outputs, spec, MESH_ROLE, people) if MESH_ROLE in spec.roles else None,
        root_relative=True,
    )


def _output(outputs: Tensors, spec: ModelSpec, role: str, people: int) -> Array:
    array = outputs.get(spec.roles.get(role, role))
    if array is None:
        raise InputError(f"no output for {role!r}; the outputs are {', '.join(outputs)}")
    if array.ndim != 3 or array.shape[0] != people or array.shape[2] != 3:
        raise InputError(f"{role} has shape {array.shape}; expected {people} people and 3 coordinates")
    return array.astype(np.float64)
