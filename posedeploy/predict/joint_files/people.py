"""The people of a file of joints become those that a lifting network takes: in its joint set, none with a
joint missing. Who is left out is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_sets import JointSet
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.joint_mapping import Mapped
from posedeploy.poses.preprocess_joints import prepare_joints
from posedeploy.predict.frames import Frame
from posedeploy.predict.joint_files.check_joint_order import check_order, set_of_file
from posedeploy.predict.joint_files.joint_content import JointsFrame, Person
from posedeploy.predict.joint_files.joint_source import JointsFile
from posedeploy.predict.joint_files.map_joints import lacking_joints, note_on_nose, same_joints, to_set
from posedeploy.predict.lifting import JointSource, with_any_batch
from posedeploy.printable import listed
from posedeploy.types import Array, ModelSpec

MAX_NAMED = 6
MISSING = "missing (score 0, NaN, -1 or position 0, 0)"


def joints_from_file(source: JointsFile, spec: ModelSpec) -> JointSource:
    """Return the people of a file of joints.

    Raises:
        InputError: the joints are of a set that the network's cannot be made from, are in another order than
            that of their set, or nobody in the file has a pose.
    """
    wanted = joint_set_of(spec)
    own, is_stated = set_of_file(source.content, source.options.joint_set, wanted, source.name)
    remarks = list(source.content.remarks)
    if not same_joints(own, wanted):
        remarks.append(_mapping(own, wanted, source.name))
    frames, used, any_number = [], [], with_any_batch(spec)
    for frame in source.content.frames:
        mapped, people = _mapped(frame, own, wanted, any_number)
        frames.append(mapped)
        used += people
    _check_anyone(source, frames)
    remarks += check_order(used, own, source.name, is_stated=is_stated)
    by_number = dict(zip(source.numbers, frames, strict=True))

    def find(coming: Iterable[Frame], refused: list[str] | None) -> Iterator[tuple[Frame, Mapped]]:
        for frame in coming:
            yield frame, by_number[frame.index]

    return JointSource(source.name, find, remarks=tuple(remarks))


def _mapping(own: JointSet, wanted: JointSet, source: str) -> str:
    """What is told of joints of another set.

    Raises:
        InputError: the network's joints cannot be made from them.
    """
    lacking = lacking_joints(own, wanted)
    if lacking:
        raise InputError(
            f"{source}: the joints of {wanted.name}, which this network takes, cannot be made from those of "
            f"{own.name}, which lack {', '.join(lacking)}"
        )
    return f"{source}: the joints of {own.name} are mapped to those of {wanted.name}{note_on_nose(own)}"


def _mapped(
    frame: JointsFrame, own: JointSet, wanted: JointSet, spec: ModelSpec
) -> tuple[Mapped, list[Person]]:
    """The people in the wanted set, and the same as they are in the file."""
    kept: list[Array] = []
    used: list[Person] = []
    left_out: list[str] = []
    for person in frame.people:
        joints = to_set(person.joints, own, wanted)
        reason = (
            f"{listed(joints, MAX_NAMED)} {MISSING}" if isinstance(joints, tuple) else _unusable(joints, spec)
        )
        if reason:
            left_out.append(f"{person.label} is left out: {reason}")
        elif not isinstance(joints, tuple):
            kept.append(joints)
            where = "" if frame.number is None else f" of frame {frame.number}"
            used.append(Person(person.joints, person.label + where))
    return Mapped(np.array(kept).reshape(-1, len(wanted), 3), tuple(left_out)), used


def _unusable(joints: Array, spec: ModelSpec) -> str:
    """Why a network cannot take these joints, such as all of them in one line; nothing where it can."""
    try:
        prepare_joints(joints, spec)
    except InputError as error:
        return str(error).removeprefix("person 0: ")
    return ""


def _check_anyone(source: JointsFile, frames: Sequence[Mapped]) -> None:
    """Refuse a file in which everybody is there and nobody has a pose: its numbers are no joints in px."""
    if any(len(frame.joints) for frame in frames):
        return
    reasons = [reason for frame in frames for reason in frame.left_out if MISSING not in reason]
    if reasons:
        raise InputError(
            f"{source.name}: {reasons[0]}" + (", and nobody else is left" if len(reasons) > 1 else "")
        )
    column = _missing_in_all(source.content.people)
    if len(source.content.people) > 1 and column is not None:
        raise InputError(
            f"{source.name}: joint {column} is missing in everybody, so nobody is left; where it is at 0, "
            "0 since the joints are relative to it, add its position in the image"
        )


def _missing_in_all(people: Array) -> int | None:
    missing = (people[..., 2] < 0).all(axis=0)
    return int(missing.argmax()) if missing.any() else None
