"""The visible keypoints of a synthetic person, from the owners of their pixels."""

from __future__ import annotations

import numpy as np

from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES, SKELETON
from posedeploy.synthetic.body import JOINTS
from posedeploy.synthetic.figure import Figure
from posedeploy.synthetic.head import MAX_FACING
from posedeploy.types import Array

UNLABELED, HIDDEN, VISIBLE = 0, 1, 2
"""The values of COCO."""
_NEIGHBORS = {
    name: tuple(
        KEYPOINT_NAMES[other]
        for limb in SKELETON
        if KEYPOINT_NAMES.index(name) in limb
        for other in limb
        if KEYPOINT_NAMES[other] != name
    )
    for name in KEYPOINT_NAMES
}
UNSIDED = ("torso", "skirt")
MAX_BEHIND_TRUNK_MM = 60.0
"""A shoulder or hip farther than this behind the center of the trunk is hidden by the trunk."""
_VISIBLE_PARTS = {
    "nose": ("head",), "neck": ("neck", "torso", "head"), "r_eye": ("head",), "l_eye": ("head",),
    "r_ear": ("r_ear", "head"), "l_ear": ("l_ear", "head"),
    "sho": ("upper_arm", "torso"), "elb": ("upper_arm", "forearm"), "wri": ("forearm",),
    "hip": ("thigh", "skirt", "torso"), "knee": ("thigh", "shin"), "ank": ("shin", "foot"),
}  # fmt: skip
"""A keypoint is visible if its pixel shows one of these parts of its figure."""


def compute_visibility(figure: Figure, parts: Array) -> Array:
    """Return (18,) ``VISIBLE``, ``HIDDEN`` or ``UNLABELED``, as in ``SyntheticPerson.visibility``.

    Args:
        parts: (H, W) the owners of a canvas: which part of which figure each pixel shows.
    """
    states = {name: _state_of(figure, name, parts) for name in KEYPOINT_NAMES}
    for name, state in list(states.items()):
        if state == HIDDEN and not any(states[other] == VISIBLE for other in _NEIGHBORS[name]):
            states[name] = UNLABELED
    return np.array(list(states.values()))


def _state_of(figure: Figure, name: str, parts: Array) -> int:
    height, width = parts.shape
    x, y = np.rint(figure.points[JOINTS.index(name)]).astype(int)
    if not (0 <= x < width and 0 <= y < height):
        return UNLABELED
    if name in MAX_FACING and figure.facing(name) > MAX_FACING[name]:
        return UNLABELED
    side, _, joint = name.rpartition("_")
    names = _VISIBLE_PARTS.get(name) or tuple(
        part if part in UNSIDED else f"{side}_{part}"
        for part in _VISIBLE_PARTS[joint]
        if part not in UNSIDED or figure.depth(name) < figure.depth("spine", "pelvis") + MAX_BEHIND_TRUNK_MM
    )
    return VISIBLE if parts[y, x] in [figure.owner(part) for part in names] else HIDDEN
