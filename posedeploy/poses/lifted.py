"""What networks on 2D joints give becomes poses: 3D joints, and a mesh where there is one."""

from __future__ import annotations

from typing import Final

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, Camera, ModelSpec, PlacedJoints, Poses, Tensors

JOINTS_ROLE: Final = "pose3d"
MESH_ROLE: Final = "cam_mesh"
ROLES = (JOINTS_ROLE, MESH_ROLE)


def undescribed(spec: ModelSpec) -> str | None:
    """Return None: any number of joints can become poses."""
    return None


def decode(outputs: Tensors, spec: ModelSpec, placed: PlacedJoints, camera: Camera) -> Poses:
    """The people of one batch, from (people, joints, 3) ``pose3d`` in mm and (people, V, 3) ``cam_mesh`` in
    m.

    Positions are relative to each person's pelvis (wrist), in the directions of the camera: these networks do
    not say where a person stands, so ``camera`` has no say. 2D positions and scores are those of the input.

    Raises:
        InputError: an output is missing, or of another number of people or joints than went in.
    """
    people, joints = placed.joints.shape[:2]
    positions = _output(outputs, spec, JOINTS_ROLE, people)
    if positions.shape[1] != joints:
        raise InputError(
            f"pose3d holds {positions.shape[1]} joints and {joints} went in; use the network's own joints"
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
        raise InputError(f"there is no output for {role!r}; the outputs are {', '.join(outputs)}")
    if array.ndim != 3 or array.shape[0] != people or array.shape[2] != 3:
        raise InputError(f"{role} is of shape {array.shape}; wanted {people} people and 3 coordinates")
    return array.astype(np.float64)
