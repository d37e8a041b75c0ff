"""gtrs: 2D joints of people to 3D joints and SMPL's mesh (arXiv:2111.12696)."""

from __future__ import annotations

from posedeploy.poses import lifted

KEYPOINT_NAMES: tuple[str, ...] = ()
"""The joint set is the checkpoint's (``joint_sets.py``), and with it names and skeleton."""
SKELETON: tuple[tuple[int, int], ...] = ()
SIGMAS: tuple[float, ...] = ()
CONTRACT = None
UNIT = "mm"
ROLES = ("pose3d", "cam_mesh")

decode = lifted.decode
