"""Networks with keypoints of no published joint set."""

from __future__ import annotations

from posedeploy.joint_sets import JOINT_SETS, JointSet
from posedeploy.printable import counted
from posedeploy.types import ModelSpec

GUIDE = "docs/own-keypoints.md"
OWN_JOINTS = "its own"
"""The name of the joint set of a network with its own joints."""


def joint_set_of(spec: ModelSpec) -> JointSet:
    """Return the joint set of a network on 2D joints: a published set or its own."""
    assert spec.joints is not None, "only for networks on 2D joints"
    known = JOINT_SETS.get(spec.joints.joint_set)
    return known or JointSet(OWN_JOINTS, spec.keypoint_names, spec.skeleton)


def keypoints_in(spec: ModelSpec, keypoints_of: tuple[str, int, int]) -> int | None:
    """Return the number of keypoints in a network's outputs; None if their channels are unknown.

    Args:
        keypoints_of: ``KEYPOINTS_OF`` of its family: the role of the output, its channels without a keypoint,
            and its channels for each keypoint.
    """
    role, background, each = keypoints_of
    channels = spec.channels_of(role)
    return None if channels is None else (channels - background) // each


def count_limbs(spec: ModelSpec) -> int | None:
    """Return the number of limbs in a network's part affinity fields; None without these, or with unknown
    channels."""
    channels = spec.channels_of("pafs")
    return None if channels is None else channels // 2


def describe_missing_keypoints(spec: ModelSpec, keypoints_of: tuple[str, int, int]) -> str:
    """Return the message about a network whose keypoints are not described.

    Args:
        keypoints_of: as for ``keypoints_in``.
    """
    count, limbs = keypoints_in(spec, keypoints_of) or 0, count_limbs(spec)
    number, pairs = counted(count, "keypoint"), ""
    if limbs is not None:
        number += f" and {counted(limbs, 'limb')}"
        pairs = f" ({counted(limbs, 'limb')}, in the order of the pairs of PAF channels)"
    return (
        f"this {spec.family} has {number} of its own that are not described, so its outputs cannot be "
        "decoded; describe them with `contract=FILE.toml`, now or on export; write the lines "
        f'keypoint_names = ["name of keypoint 0", ...] ({counted(count, "name")}) and '
        f"skeleton = [[0, 1], ...]{pairs}; {GUIDE} has an example"
    )
