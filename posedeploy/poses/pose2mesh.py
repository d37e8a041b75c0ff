"""pose2mesh: 2D joints of people to 3D joints and the mesh of a body or hand (arXiv:2008.09047)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from posedeploy.joint_sets import by_number
from posedeploy.poses import lifted
from posedeploy.types import InputContract

JOINT_SETS = by_number("human36", "coco", "smpl", "mano")
KEYPOINT_NAMES, SKELETON = JOINT_SETS[17].joints, JOINT_SETS[17].bones
CONTRACT: Final = None
CONTRACTS: Mapping[int, InputContract] = {}
UNIT: Final = "mm"
ROLES = lifted.ROLES
PEAK_ROLES = ()
DEPTH_ROLE: Final = None
MESH_ROLE: Final = lifted.MESH_ROLE
CHANNELS: Mapping[str, int] = {}
KEYPOINTS_OF = (lifted.JOINTS_ROLE, 0, 1)

find_missing_description = lifted.find_missing_description
decode = lifted.decode
