"""gtrs: 2D joints of people to 3D joints and SMPL's mesh (arXiv:2111.12696)."""

from __future__ import annotations

from posedeploy.joint_sets import by_number
from posedeploy.poses import lifted

JOINT_SETS = by_number("human36", "coco", "smpl")
KEYPOINT_NAMES, SKELETON = JOINT_SETS[17].joints, JOINT_SETS[17].bones
CONTRACT = None
UNIT = "mm"
ROLES = ("pose3d", "cam_mesh")
KEYPOINTS_OF = ("pose3d", 0, 1)

decode = lifted.decode
