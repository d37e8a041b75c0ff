"""The people of a file of joints, in the joint set of a lifting network and without incomplete people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from posedeploy.errors import InputError
from posedeploy.joint_sets import JointSet
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.joint_mapping import MappedPeople
from posedeploy.poses.preprocess_joints import prepare_joints
from posedeploy.predict.frames import Frame
from posedeploy.predict.joint_files.check_joint_order import check_order, set_of_file
from posedeploy.predict.joint_files.joint_content import FilePerson, JointsFrame
from posedeploy.predict.joint_files.joint_source import JointsFile
from posedeploy.predict.joint_files.map_joints import (
    find_lacking_joints,
    have_same_joints,
    note_on_nose,
    to_set,
)
from posedeploy.predict.lifting import JointSource, with_any_batch
from posedeploy.printable import listed
from posedeploy.types import Array, ModelSpec

MAX_NAMES = 6
MISSING = "missing (score 0, NaN, -1 or position 0, 0)"


def joints_from_file(source: JointsFile, spec: ModelSpec) -> JointSource:
    """Return the people of a file of joints.

    Raises:
        InputError: the network's joint set cannot be computed from the file's, the joints contradict their
            set, or the file has no usable person.
    """
    wanted = joint_set_of(spec)
    own, is_stated = set_of_file(source.content, source.options.joint_set, wanted, source.name)
    remarks = list(source.content.remarks)
    if not have_same_joints(own, wanted):
        remarks.append(_mapping_remark(own, wanted, source.name))
    frames, used, any_number = [], [], with_any_batch(spec)
    for frame in source.content.frames:
        mapped, people = _map_frame(frame, own, wanted, any_number)
        frames.append(mapped)
        used += people
    _check_not_empty(source, frames)
    remarks += check_order(used, own, source.name, is_stated=is_stated)
    by_number = dict(zip(source.numbers, frames, strict=True))

    def find(blank: Iterable[Frame], rejected: list[str] | None) -> Iterator[tuple[Frame, MappedPeople]]:
        for frame in blank:
            yield frame, by_number[frame.index]

    return JointSource(source.name, find, remarks=tuple(remarks))


def _mapping_remark(own: JointSet, wanted: JointSet, source: str) -> str:
    """Return a remark on joints that are mapped to another set.

    Raises:
        InputError: the network's joints cannot be computed from them.
    """
    lacking = find_lacking_joints(own, wanted)
    if lacking:
        raise InputError(
            f"{source}: this network expects the joints of {wanted.name}, which cannot be computed from "
            f"those of {own.name}: {', '.join(lacking)} missing; use a file with these joints"
        )
    return f"{source}: the joints of {own.name} are mapped to those of {wanted.name}{note_on_nose(own)}"


def _map_frame(
    frame: JointsFrame, own: JointSet, wanted: JointSet, spec: ModelSpec
) -> tuple[MappedPeople, list[FilePerson]]:
    """Return the people in the wanted set, and the same people as in the file."""
    kept: list[Array] = []
    used: list[FilePerson] = []
    left_out: list[str] = []
    for person in frame.people:
        joints = to_set(person.joints, own, wanted)
        reason = (
            f"{listed(joints, MAX_NAMES)} {MISSING}"
            if isinstance(joints, tuple)
            else _find_fault(joints, spec)
        )
        if reason:
            left_out.append(f"{person.label} is left out: {reason}")
        elif not isinstance(joints, tuple):
            kept.append(joints)
            suffix = "" if frame.number is None else f" of frame {frame.number}"
            used.append(FilePerson(person.joints, person.label + suffix))
    return MappedPeople(np.array(kept).reshape(-1, len(wanted), 3), tuple(left_out)), used


def _find_fault(joints: Array, spec: ModelSpec) -> str:
    """Return why a network cannot take these joints, such as all on one line; "" if it can."""
    try:
        prepare_joints(joints, spec)
    except InputError as error:
        return str(error).removeprefix("person 0: ")
    return ""


def _check_not_empty(source: JointsFile, frames: Sequence[MappedPeople]) -> None:
    """Check that somebody is left if people were left out, as otherwise the numbers are not joints in px."""
    if any(len(frame.joints) for frame in frames):
        return
    reasons = [reason for frame in frames for reason in frame.warnings if MISSING not in reason]
    if reasons:
        raise InputError(
            f"{source.name}: {reasons[0]}" + ("; no other person remains" if len(reasons) > 1 else "")
        )
    column = _missing_in_all(source.content.people)
    if len(source.content.people) > 1 and column is not None:
        raise InputError(
            f"{source.name}: joint {column} is missing in every person, so no person remains; if it is 0, 0 "
            "because the joints are relative to it, add its position in the image"
        )


def _missing_in_all(people: Array) -> int | None:
    missing = (people[..., 2] < 0).all(axis=0)
    return int(missing.argmax()) if missing.any() else None
