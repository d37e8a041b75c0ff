"""Convert 2D joints to the input of a network that takes joints instead of an image."""

from __future__ import annotations

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_sets import JOINT_SETS, JointSet
from posedeploy.own_keypoints import joint_set_of
from posedeploy.types import Array, JointsContract, ModelSpec, PlacedJoints, Tensors


def prepare_joints(joints: Array, spec: ModelSpec) -> tuple[Tensors, PlacedJoints]:
    """Return the network's input for people with these 2D joints.

    The published preprocessing first maps the joints from their box to 288x384. Normalizing each axis to a
    mean of 0 and a std of 1 cancels this mapping, so the box is only used to detect unusable joints.

    Args:
        joints: (people, joints, 2 or 3) or, for one person, (joints, 2 or 3): x px, y px and an optional
            score, in the order of the network's joint set. The array is not modified.

    Raises:
        InputError: the network takes no joints or another number of people, or the joints have another set,
            are not finite, are missing (a score below 0), or lie at one point or on a line along an axis.
    """
    contract, joint_set = _contract(spec)
    people = _people(np.asarray(joints), joint_set)
    batch = spec.inputs[0].shape[0]
    if isinstance(batch, int) and len(people) != batch:
        raise InputError(
            f"{len(people)} people, but this network takes {batch} at once; export it again with `dynamic`"
        )
    for number, person in enumerate(people):
        try:
            _check(person, joint_set)
            find_box(person[:, :2], contract)
        except InputError as error:
            raise InputError(f"person {number}: {error}") from error
    points = people[..., :2]
    normalized = (points - points.mean(axis=1, keepdims=True)) / points.std(axis=1, keepdims=True)
    return {spec.inputs[0].name: normalized.astype(np.float32)}, PlacedJoints(people)


def find_box(points: Array, contract: JointsContract) -> Array:
    """Return (4,) x, y, width, height in px: the box of (joints, 2) points at the contract's aspect ratio.

    As published, the width of a box is its number of pixels minus 1.

    Raises:
        InputError: the points lie within a pixel of each other.
    """
    low = points.min(axis=0)
    width, height = points.max(axis=0) - low - 1
    if not (width > 0 and height > 0):
        raise InputError(
            f"the joints span {width + 1:.3g}x{height + 1:.3g} px, too little for a pose; expected joints in "
            "pixels of the image"
        )
    center = low + np.array([width, height]) / 2
    size = np.array([max(width, contract.aspect * height), max(height, width / contract.aspect)])
    size *= contract.margin
    box: Array = np.concatenate([center - size / 2, size])
    return box


def _contract(spec: ModelSpec) -> tuple[JointsContract, JointSet]:
    if spec.joints is None or not spec.inputs:
        raise InputError(f"{spec.family} takes no 2D joints; use an image")
    return spec.joints, joint_set_of(spec)


def _people(joints: Array, joint_set: JointSet) -> Array:
    """Return (people, joints, 3), with a score of 1 if there are no scores."""
    if joints.dtype.kind not in "iuf":
        raise InputError(f"joints of type {joints.dtype}; expected numbers")
    people = joints[None] if joints.ndim == 2 else joints
    if people.ndim != 3 or people.shape[2] not in (2, 3) or len(people) == 0:
        raise InputError(
            f"joints of shape {joints.shape}; expected (people, {len(joint_set)}, 2): x and y in px, "
            "or 3 with the score"
        )
    if people.shape[1] != len(joint_set):
        names = [known.name for known in JOINT_SETS.values() if len(known) == people.shape[1]]
        hint = f", which is the number of {' and '.join(names)}" if names else ""
        raise InputError(
            f"{people.shape[1]} joints per person{hint}; this network takes the {len(joint_set)} of "
            f"{joint_set.name}: {' '.join(joint_set.joints)}"
        )
    people = people.astype(np.float64)
    has_scores = people.shape[2] == 3
    return people if has_scores else np.pad(people, ((0, 0), (0, 0), (0, 1)), constant_values=1.0)


def _check(person: Array, joint_set: JointSet) -> None:
    is_invalid = ~np.isfinite(person).all(axis=1)
    if is_invalid.any():
        names = ", ".join(np.array(joint_set.joints)[is_invalid])
        raise InputError(f"NaN or infinity in {names}; expected every joint, in px")
    is_missing = person[:, 2] < 0
    if is_missing.any():
        names = ", ".join(np.array(joint_set.joints)[is_missing])
        raise InputError(f"missing, with a score below 0: {names}; expected all joints; leave the person out")
    is_equal = (person[:, :2] == person[0, :2]).all(axis=0)
    if is_equal.any():
        same = "position" if is_equal.all() else "xy"[int(is_equal.argmax())]
        raise InputError(f"all joints have the same {same}; expected the joints of a pose in px")
