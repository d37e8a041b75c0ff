"""The 18 keypoints of an OpenPose network become the joints that a lifting network was trained with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.poses.coco import coco_name
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.types import Array

BODY = (
    "r_sho", "r_elb", "r_wri", "l_sho", "l_elb", "l_wri",
    "r_hip", "r_knee", "r_ank", "l_hip", "l_knee", "l_ank",
)  # fmt: skip
"""What a person must show: nothing else says where these are."""

FACE = {
    "nose": ("r_eye", "l_eye", "r_ear", "l_ear"),
    "r_eye": ("nose", "l_eye", "r_ear", "l_ear"),
    "l_eye": ("nose", "r_eye", "l_ear", "r_ear"),
    "r_ear": ("r_eye", "nose", "l_eye", "l_ear"),
    "l_ear": ("l_eye", "nose", "r_eye", "r_ear"),
}
"""Which other point stands in for a point of the face that is hidden: the first of these that is seen."""

Point = Callable[[Mapping[str, Array]], Array]


def _middle(a: str, b: str) -> Point:
    return lambda seen: (seen[a] + seen[b]) / 2


def _head(seen: Mapping[str, Array]) -> Array:
    """As far beyond the nose as that is from the neck: human36's bones 8-9 and 9-10 are of about one
    length."""
    top: Array = 2 * seen["nose"] - seen["neck"]
    top[2] = seen["nose"][2]
    return top


MADE: tuple[tuple[str, Point], ...] = (
    ("pelvis", _middle("r_hip", "l_hip")),
    ("neck", _middle("r_sho", "l_sho")),
    ("torso", _middle("pelvis", "neck")),
    ("head", _head),
)
"""Joints that are made from their neighbours, in this order; the published datasets make pelvis and neck
so."""


@dataclass(frozen=True)
class Mapped:
    """joints: (kept people, joints, 3) x px, y px, score. people: (kept,) their numbers among those given.
    left_out: why the others are not there, a sentence each."""

    joints: Array
    people: Array
    left_out: tuple[str, ...]


def from_openpose(keypoints: Array, joint_set: str) -> Mapped:
    """(people, 18, 3) keypoints, x px, y px, score, -1 where one is missing, as the joints of a set.

    A person needs all joints of the limbs and one point of the face, and is left out without.

    Raises:
        InputError: the keypoints are not those 18, or the set has joints that cannot be made from them.
    """
    if keypoints.ndim != 3 or keypoints.shape[1:] != (len(KEYPOINT_NAMES), 3):
        raise InputError(
            f"keypoints of shape {keypoints.shape}; wanted (people, {len(KEYPOINT_NAMES)}, 3) in the order "
            "of lightweight-openpose-2d"
        )
    if joint_set not in JOINT_SETS:
        raise InputError(f"no joint set is called {joint_set!r}; the sets are {', '.join(JOINT_SETS)}")
    wanted = JOINT_SETS[joint_set].joints
    makeable = {coco_name(name) for name in (*KEYPOINT_NAMES, *(name for name, _ in MADE))}
    impossible = [name for name in wanted if coco_name(name) not in makeable]
    if impossible:
        raise InputError(
            f"the joints of {joint_set} cannot be made from a detector's 18 keypoints: nothing says where "
            f"{', '.join(impossible)} are; give a network on human36 or coco, or the joints themselves"
        )
    kept: dict[int, Array] = {}
    left_out = []
    for number, person in enumerate(keypoints.astype(np.float64)):
        seen = {name: row for name, row in zip(KEYPOINT_NAMES, person, strict=True) if row[2] >= 0}
        missing = [name for name in BODY if name not in seen]
        if not FACE.keys() & seen.keys():
            missing.append("any point of the face")
        if missing:
            left_out.append(f"person {number} is left out: {', '.join(missing)} not seen")
        else:
            every = {coco_name(name): point for name, point in _completed(seen).items()}
            kept[number] = np.stack([every[coco_name(name)] for name in wanted])
    joints = np.array(list(kept.values())).reshape(-1, len(wanted), 3)
    return Mapped(joints, np.array(list(kept), np.int64), tuple(left_out))


def _completed(seen: Mapping[str, Array]) -> dict[str, Array]:
    """All points of the face, and the joints that are made."""
    face = {
        name: next(seen[point] for point in (name, *others) if point in seen) for name, others in FACE.items()
    }
    every = dict(seen) | face
    for name, made in MADE:
        every[name] = made(every)
    return every
