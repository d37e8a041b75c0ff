"""The keypoints of a synthetic person in the order of a joint set."""

from __future__ import annotations

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import JointSet, known_name
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.synthetic.body import JOINTS
from posedeploy.synthetic.scene import SyntheticPerson
from posedeploy.synthetic.visibility import HIDDEN, UNLABELED
from posedeploy.types import Array

_KEYPOINTS = [coco_name(name) for name in KEYPOINT_NAMES]
_JOINTS = [coco_name(name) for name in JOINTS]
_NEIGHBORS = {
    "pelvis": ("left_hip", "right_hip"), "head_top": ("nose", "neck"),
    **{f"{side}_{part}": (f"{side}_ankle",) for side in ("left", "right") for part in ("heel", "toe")},
}  # fmt: skip
"""Joints of the skeleton that are no keypoints; they are labeled as hidden near a labeled neighbor."""


def check_joint_set(joint_set: JointSet) -> None:
    """Check that synthetic people have keypoints of a set.

    Raises:
        InputError: they have none.
    """
    if not {coco_name(name) for name in joint_set.joints} & {*_KEYPOINTS, *_NEIGHBORS}:
        raise InputError(
            f"`keypoint_set={known_name(joint_set)}`: synthetic people have none of its keypoints; use a set "
            "of the body, such as coco-17"
        )


def place_keypoints(
    person: SyntheticPerson, joint_set: JointSet, focal_length: float, size: tuple[int, int]
) -> Array:
    """Return (joints, 3) x px, y px and visibility (0 to 2, as in COCO); 0, 0, 0 for those not labeled.

    Args:
        focal_length: px, of the camera whose axis goes through the center of the image.
        size: (width, height) of the image.
    """
    placed = np.zeros((len(joint_set), 3))
    if not person.is_recognizable:
        return placed
    pixels = person.joints_mm[:, :2] / person.joints_mm[:, 2:] * focal_length + np.array(size) / 2
    for row, name in enumerate(map(coco_name, joint_set.joints)):
        if name in _KEYPOINTS:
            index = _KEYPOINTS.index(name)
            point, visibility = person.keypoints[index], person.visibility[index]
        elif name in _NEIGHBORS:
            point = pixels[_JOINTS.index(name)]
            near = [person.visibility[_KEYPOINTS.index(other)] for other in _NEIGHBORS[name]]
            is_inside = (point >= 0).all() and (point < size).all()
            visibility = HIDDEN if is_inside and any(near) else UNLABELED
        else:
            continue
        if visibility != UNLABELED:
            placed[row] = [*point, visibility]
    return placed
