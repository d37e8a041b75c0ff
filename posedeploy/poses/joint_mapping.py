"""Map a detector's keypoints to the joint set of a lifting network, by COCO names."""

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
"""Joints that a person must have, as they cannot be computed from others."""

FACE = {
    "nose": ("right_eye", "left_eye", "right_ear", "left_ear"),
    "right_eye": ("nose", "left_eye", "right_ear", "left_ear"),
    "left_eye": ("nose", "right_eye", "left_ear", "right_ear"),
    "right_ear": ("right_eye", "nose", "left_eye", "left_ear"),
    "left_ear": ("left_eye", "nose", "right_eye", "right_ear"),
}
"""The replacements of a missing point of the face; the first visible one is used."""

Point = Callable[[Mapping[str, Array]], Array]


def _middle(a: str, b: str) -> Point:
    return lambda seen: (seen[a] + seen[b]) / 2


def _head(seen: Mapping[str, Array]) -> Array:
    """Return the neck mirrored at the nose, as human36's bones 8-9 and 9-10 have about the same length."""
    top: Array = 2 * seen["nose"] - seen["neck"]
    top[2] = seen["nose"][2]
    return top


COMPUTED: tuple[tuple[str, Point], ...] = (
    ("pelvis", _middle("right_hip", "left_hip")),
    ("neck", _middle("right_shoulder", "left_shoulder")),
    ("torso", _middle("pelvis", "neck")),
    ("head", _head),
)
"""Joints that are computed from their neighbors, in this order, if the detector does not find them. The neck
is always computed, because its definition varies. The published datasets compute pelvis and neck in the same
way."""


@dataclass(frozen=True)
class MappedPeople:
    """Mapped people.

    joints: (people, joints, 3) x px, y px, score. warnings: a message on each person that is left out.
    """

    joints: Array
    warnings: tuple[str, ...]


def map_joints(keypoints: Array, names: Sequence[str], joint_set: JointSet) -> MappedPeople:
    """Map the keypoints of any network to a joint set, by their names.

    A person without all joints of the limbs and one point of the face is left out.

    Args:
        keypoints: (people, keypoints, 3) x px, y px and score, -1 if missing.
        names: the keypoint names; ``r_sho``, ``r_shoulder`` and ``right_shoulder`` are equivalent.

    Raises:
        InputError: the numbers of keypoints and names differ, or the set has joints that cannot be computed.
    """
    own = [coco_name(name) for name in names]
    _check(keypoints, own, joint_set)
    kept, warnings = [], []
    for person in keypoints.astype(np.float64):
        mapped = map_person(person, names, joint_set)
        if isinstance(mapped, tuple):
            where, missing = describe_position(person), ", ".join(mapped)
            warnings.append(f"the person {where} is left out: {missing} not visible")
        else:
            kept.append(mapped)
    return MappedPeople(np.array(kept).reshape(-1, len(joint_set), 3), tuple(warnings))


def map_person(person: Array, names: Sequence[str], joint_set: JointSet) -> Array | tuple[str, ...]:
    """Return one person's (joints, 3) of a set, or the names of missing keypoints.

    Args:
        person: (keypoints, 3) x px, y px and score, below 0 if missing.
        names: the keypoint names, for which ``find_unmappable`` returns an empty list.
    """
    own = [coco_name(name) for name in names]
    seen = {name: row for name, row in zip(own, person, strict=True) if row[2] >= 0}
    original = dict(zip(own, names, strict=True))
    missing = [original[name] for name in BODY if name not in seen]
    if not FACE.keys() & seen.keys():
        missing.append("any point of the face")
    if missing:
        return tuple(missing)
    every = _add_computed(seen)
    return np.stack([every[coco_name(name)] for name in joint_set.joints])


def find_unmappable(names: Sequence[str], joint_set: JointSet) -> list[str]:
    """Return the keypoints or joints that prevent computing a set from keypoints with these names."""
    own = [coco_name(name) for name in names]
    lacking = [name for name in BODY if name not in own]
    lacking += [] if FACE.keys() & set(own) else ["nose"]
    computable = {*own, *FACE, *(name for name, _ in COMPUTED)}
    return lacking or [name for name in joint_set.joints if coco_name(name) not in computable]


def describe_position(person: Array) -> str:
    """Describe the position of a person of (joints, 3) x px, y px and score.

    Messages use it instead of an index, because indices change when people are left out.
    """
    seen = person[person[:, 2] >= 0, :2]
    if not len(seen):
        return "without visible joints"
    (left, top), (right, bottom) = seen.min(axis=0), seen.max(axis=0)
    return f"at x {left:.0f} to {right:.0f}, y {top:.0f} to {bottom:.0f} px"


def _check(keypoints: Array, own: Sequence[str], joint_set: JointSet) -> None:
    """Check that the keypoints match their names, and that the set can be computed from them."""
    if keypoints.ndim != 3 or keypoints.shape[1:] != (len(own), 3):
        raise InputError(f"keypoints of shape {keypoints.shape}; expected (people, {len(own)}, 3)")
    if missing := find_unmappable(own, joint_set):
        raise InputError(
            f"the joints of {joint_set.name} cannot be computed from a detector's {len(own)} keypoints: "
            f"{', '.join(missing)} missing; use a detector of OpenPose or COCO keypoints, such as "
            "lightweight-openpose-2d, with a network on human36 or coco, or a file of joints"
        )


def _add_computed(seen: Mapping[str, Array]) -> dict[str, Array]:
    """Return the joints with all points of the face and all computed joints."""
    face = {
        name: next(seen[point] for point in (name, *others) if point in seen) for name, others in FACE.items()
    }
    every = dict(seen) | face
    for name, compute in COMPUTED:
        if name == "neck" or name not in seen:
            every[name] = compute(every)
    return every
