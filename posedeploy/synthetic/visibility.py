"""Which keypoints of a drawn person can be seen, by what the pixels on them show."""

from __future__ import annotations

import numpy as np

from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES, SKELETON
from posedeploy.synthetic.body import JOINTS
from posedeploy.synthetic.figure import Figure
from posedeploy.synthetic.head import TURNED_AWAY
from posedeploy.types import Array

UNLABELLED, HIDDEN, VISIBLE = 0, 1, 2
"""As COCO has them."""
_BESIDE = {
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
BEHIND_MM = 60.0
"""Beyond the trunk's middle by more than this, a shoulder or hip is hidden by what lies over it."""
_SHOWN_BY = {
    "nose": ("head",), "neck": ("neck", "torso", "head"), "r_eye": ("head",), "l_eye": ("head",),
    "r_ear": ("r_ear", "head"), "l_ear": ("l_ear", "head"),
    "sho": ("upper_arm", "torso"), "elb": ("upper_arm", "forearm"), "wri": ("forearm",),
    "hip": ("thigh", "skirt", "torso"), "knee": ("thigh", "shin"), "ank": ("shin", "foot"),
}  # fmt: skip
"""A keypoint is seen where the pixel on it shows one of these parts of its figure."""


def visibility(figure: Figure, parts: Array) -> Array:
    """(18,) ``VISIBLE``, ``HIDDEN`` or ``UNLABELLED``, as ``Person`` has it.

    Args:
        parts: (H, W) the canvas's owners: which part of which figure each pixel shows.
    """
    states = {name: _seen(figure, name, parts) for name in KEYPOINT_NAMES}
    for name, state in list(states.items()):
        if state == HIDDEN and not any(states[other] == VISIBLE for other in _BESIDE[name]):
            states[name] = UNLABELLED
    return np.array(list(states.values()))


def _seen(figure: Figure, name: str, parts: Array) -> int:
    height, width = parts.shape
    x, y = np.rint(figure.points[JOINTS.index(name)]).astype(int)
    if not (0 <= x < width and 0 <= y < height):
        return UNLABELLED
    if name in TURNED_AWAY and figure.faces(name) > TURNED_AWAY[name]:
        return UNLABELLED
    side, _, joint = name.rpartition("_")
    names = _SHOWN_BY.get(name) or tuple(
        part if part in UNSIDED else f"{side}_{part}"
        for part in _SHOWN_BY[joint]
        if part not in UNSIDED or figure.depth(name) < figure.depth("spine", "pelvis") + BEHIND_MM
    )
    return VISIBLE if parts[y, x] in [figure.owner(part) for part in names] else HIDDEN
