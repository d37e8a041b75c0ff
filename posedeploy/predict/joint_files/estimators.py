"""Joints in the formats of OpenPose, AlphaPose and MMPose other than COCO results."""

from __future__ import annotations

from pathlib import Path

from posedeploy.predict.coco_tables import MAX_NUMBER
from posedeploy.predict.joint_files.entries import (
    Document,
    numbers_of,
    people_of,
    scored_joints,
    set_by_count,
)
from posedeploy.predict.joint_files.joint_content import FileFrame, RawJoints, sort_frames
from posedeploy.types import Array

OPENPOSE = {18: "openpose18", 25: "body25", 15: "openpose-mpi15"}
"""The joint sets of OpenPose's models, by their number of joints."""
COCO = {17: "coco-17", 19: "coco", 26: "halpe26", 133: "wholebody133", 136: "halpe136"}
"""The joint sets of COCO results, which AlphaPose and MMPose also write, by their number of joints."""


def is_openpose(document: Document) -> bool:
    """Return whether a document is an OpenPose file, which contains one frame."""
    return isinstance(document, dict) and isinstance(document.get("people"), list)


def read_openpose(document: Document, path: Path) -> RawJoints:
    """Return the people of one frame."""
    remarks: list[str] = []
    people = list(people_of(document["people"], _openpose_person, "person", path.name, remarks))
    return RawJoints(
        [FileFrame(path.name, people)], None, set_by_count(OPENPOSE, [people]), remarks=tuple(remarks)
    )


def _openpose_person(person: Document) -> Array:
    keypoints = person.get("pose_keypoints_2d", person.get("pose_keypoints"))
    if keypoints is None:
        raise ValueError("no pose_keypoints_2d")
    return numbers_of(keypoints)


def is_mmpose(document: Document) -> bool:
    """Return whether a document is an MMPose file, with the people of each frame in ``instances``."""
    frames = document.get("instance_info") if isinstance(document, dict) else document
    return isinstance(frames, list) and any(isinstance(each, dict) and "instances" in each for each in frames)


def read_mmpose(document: Document, path: Path) -> RawJoints:
    """Return the people of each frame."""
    remarks: list[str] = []
    frames = []
    for index, frame in enumerate(document["instance_info"] if isinstance(document, dict) else document):
        number = frame.get("frame_id", index) if isinstance(frame, dict) else index
        people = frame.get("instances") if isinstance(frame, dict) else None
        if isinstance(number, int) and abs(number) < MAX_NUMBER and isinstance(people, list):
            kept = people_of(people, scored_joints, "instance", f"{path.name}: frame {number}", remarks)
            frames.append(FileFrame(str(number), list(kept), number))
        else:
            remarks.append(f"{path.name}: frame {index} of the list is left out: no frame_id or instances")
    set_name = set_by_count(COCO, [frame.people for frame in frames])
    return RawJoints(sort_frames(frames), None, set_name, remarks=tuple(remarks))


def is_by_name(document: Document) -> bool:
    """Return whether a document is an AlphaPose file in the ``open`` or ``cmu`` form: an object per image."""
    return isinstance(document, dict) and any(
        isinstance(each, dict) and ({"people", "bodies"} & each.keys()) for each in document.values()
    )


def read_by_name(document: Document, path: Path) -> RawJoints:
    """Return the people of each image, in the order of the names."""
    remarks: list[str] = []
    frames = []
    for name, entry in document.items():
        people = entry.get("people", entry.get("bodies")) if isinstance(entry, dict) else None
        if isinstance(people, list):
            kept = people_of(people, _body, "person", f"{path.name}: {name}", remarks)
            frames.append(FileFrame(name, list(kept)))
    set_name = set_by_count(OPENPOSE, [frame.people for frame in frames])
    return RawJoints(sort_frames(frames), None, set_name, remarks=tuple(remarks))


def _body(person: Document) -> Array:
    return numbers_of(person["joints"]) if "joints" in person else _openpose_person(person)
