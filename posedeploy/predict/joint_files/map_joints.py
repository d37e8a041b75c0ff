"""Map a person's joints from the set of a file to the set of a network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import JointSet
from posedeploy.poses.joint_mapping import find_unmappable, map_person
from posedeploy.types import Array

HEAD_TOPS = ("head_top", "top_head")


@cache
def have_same_joints(own: JointSet, wanted: JointSet) -> bool:
    """Return whether two sets have the same joints in the same order, regardless of names."""
    return [coco_name(name) for name in own.joints] == [coco_name(name) for name in wanted.joints]


def find_lacking_joints(own: JointSet, wanted: JointSet) -> list[str]:
    """Return the joints of the wanted set that cannot be computed from a set."""
    return [] if have_same_joints(own, wanted) else find_unmappable(_names(own), wanted)


def to_set(joints: Array, own: JointSet, wanted: JointSet) -> Array | tuple[str, ...]:
    """Return a person's joints in the wanted set, or the names of missing joints.

    Args:
        joints: (joints, 3) x px, y px and score in the order of ``own``, without ``find_lacking_joints``.
    """
    if not have_same_joints(own, wanted):
        return map_person(_with_face(joints, own), _names(own), wanted)
    missing = np.array(own.joints)[joints[:, 2] < 0]
    return tuple(missing.tolist()) or joints


def note_on_nose(own: JointSet) -> str:
    """Return a note on the position used for the nose; empty for a set with a nose."""
    keys = [coco_name(name) for name in own.joints]
    return "" if "nose" in keys else f"; the nose is {_face(keys)[1]}"


@cache
def _names(own: JointSet) -> tuple[str, ...]:
    """Return the names of the joints that ``_with_face`` returns, for ``map_person``."""
    keys = [coco_name(name) for name in own.joints]
    names = ["head" if key in HEAD_TOPS else f"inner_{key}" if key == "head" else key for key in keys]
    return tuple(names if "nose" in keys or not _face(keys)[0] else [*names, "nose"])


def _face(keys: Sequence[str]) -> tuple[list[str], str]:
    """Return the joints whose midpoint replaces a missing nose, and a description of that position."""
    inner = [name for name in ("face", "head") if name in keys]
    if inner:
        return inner[:1], f"assumed at the {inner[0]}"
    tops, necks = ([name for name in names if name in keys] for names in (HEAD_TOPS, ("upper_neck", "neck")))
    if tops and necks:
        return [tops[0], necks[0]], "assumed midway between the neck and the top of the head"
    return [], "unknown"


def _with_face(joints: Array, own: JointSet) -> Array:
    """Return the joints, with a replacement for a missing nose."""
    keys = [coco_name(name) for name in own.joints]
    names, _ = _face(keys)
    if "nose" in keys or not names:
        return joints
    rows = joints[[keys.index(name) for name in names]]
    nose = rows.mean(axis=0) if (rows[:, 2] >= 0).all() else np.array([0.0, 0.0, -1.0])
    return np.concatenate([joints, nose[None]])
