"""The keypoints that a detector finds become the joints that a lifting network was trained with.

Joints go by their names in COCO.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import JointSet
from posedeploy.types import Array

BODY = tuple(
    f"{side}_{part}"
    for parts in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
    for side in ("right", "left")
    for part in parts
)
"""What a person must show: nothing else says where these are."""

FACE = {
    "nose": ("right_eye", "left_eye", "right_ear", "left_ear"),
    "right_eye": ("nose", "left_eye", "right_ear", "left_ear"),
    "left_eye": ("nose", "right_eye", "left_ear", "right_ear"),
    "right_ear": ("right_eye", "nose", "left_eye", "left_ear"),
    "left_ear": ("left_eye", "nose", "right_eye", "right_ear"),
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
    ("pelvis", _middle("right_hip", "left_hip")),
    ("neck", _middle("right_shoulder", "left_shoulder")),
    ("torso", _middle("pelvis", "neck")),
    ("head", _head),
)
"""Joints that are made from their neighbors, in this order, where the detector does not find them itself;
the neck always is, since a detector's may be another place. The published datasets make pelvis and neck
so."""


@dataclass(frozen=True)
class Mapped:
    """joints: (kept people, joints, 3) x px, y px, score. left_out: why the others are not there, a sentence
    each."""

    joints: Array
    left_out: tuple[str, ...]


def map_joints(keypoints: Array, names: Sequence[str], joint_set: JointSet) -> Mapped:
    """Keypoints of any network, by their names, as the joints of a set.

    A person needs all joints of the limbs and one point of the face, and is left out without.

    Args:
        keypoints: (people, keypoints, 3) x px, y px and score, -1 where one is missing.
        names: what the network calls them; ``r_sho``, ``r_shoulder`` and ``right_shoulder`` are the same.

    Raises:
        InputError: the keypoints are not as many, or the set has joints that cannot be made from them.
    """
    own = [coco_name(name) for name in names]
    _check(keypoints, own, joint_set)
    kept, left_out = [], []
    for person in keypoints.astype(np.float64):
        mapped = map_person(person, names, joint_set)
        if isinstance(mapped, tuple):
            left_out.append(f"the person {whereabouts(person)} is left out: {', '.join(mapped)} not seen")
        else:
            kept.append(mapped)
    return Mapped(np.array(kept).reshape(-1, len(joint_set), 3), tuple(left_out))


def map_person(person: Array, names: Sequence[str], joint_set: JointSet) -> Array | tuple[str, ...]:
    """Return one person's (joints, 3) of a set, or the names of what is missing for it.

    Args:
        person: (keypoints, 3) x px, y px and score, under 0 where one is missing.
        names: what the keypoints are called; ``unmappable`` gives nothing for them and the set.
    """
    own = [coco_name(name) for name in names]
    seen = {name: row for name, row in zip(own, person, strict=True) if row[2] >= 0}
    called = dict(zip(own, names, strict=True))
    missing = [called[name] for name in BODY if name not in seen]
    if not FACE.keys() & seen.keys():
        missing.append("any point of the face")
    if missing:
        return tuple(missing)
    every = _completed(seen)
    return np.stack([every[coco_name(name)] for name in joint_set.joints])


def unmappable(names: Sequence[str], joint_set: JointSet) -> list[str]:
    """Return what keypoints of these names lack so that the joints of a set could be made from them."""
    own = [coco_name(name) for name in names]
    lacking = [name for name in BODY if name not in own]
    lacking += [] if FACE.keys() & set(own) else ["nose"]
    makeable = {*own, *FACE, *(name for name, _ in MADE)}
    return lacking or [name for name in joint_set.joints if coco_name(name) not in makeable]


def whereabouts(person: Array) -> str:
    """Where a person of (joints, 3) x px, y px and score is seen: numbers would be other ones once some are
    left out."""
    seen = person[person[:, 2] >= 0, :2]
    if not len(seen):
        return "of whom nothing is seen"
    (left, top), (right, bottom) = seen.min(axis=0), seen.max(axis=0)
    return f"at x {left:.0f} to {right:.0f}, y {top:.0f} to {bottom:.0f} px"


def _check(keypoints: Array, own: Sequence[str], joint_set: JointSet) -> None:
    """Refuse keypoints that are not as many as their names, and a set that cannot be made from them."""
    if keypoints.ndim != 3 or keypoints.shape[1:] != (len(own), 3):
        raise InputError(f"keypoints of shape {keypoints.shape}; wanted (people, {len(own)}, 3)")
    impossible = unmappable(own, joint_set)
    if impossible:
        raise InputError(
            f"the joints of {joint_set.name} cannot be made from a detector's {len(own)} keypoints, which "
            f"lack {', '.join(impossible)}; give a detector of OpenPose's or COCO's keypoints, such as "
            "lightweight-openpose-2d, and a network on human36 or coco, or the joints themselves"
        )


def _completed(seen: Mapping[str, Array]) -> dict[str, Array]:
    """All points of the face, and the joints that are made."""
    face = {
        name: next(seen[point] for point in (name, *others) if point in seen) for name, others in FACE.items()
    }
    every = dict(seen) | face
    for name, made in MADE:
        if name == "neck" or name not in seen:
            every[name] = made(every)
    return every
