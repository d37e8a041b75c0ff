"""Joints in COCO results and annotations, and in our own ``poses.json``, which has the same form."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posedeploy.predict.coco_tables import CocoImage, categories_of, images_of
from posedeploy.predict.joint_files.entries import (
    Document,
    by_image,
    numbers_of,
    scored_joints,
    set_by_count,
)
from posedeploy.predict.joint_files.estimators import COCO
from posedeploy.predict.joint_files.joint_content import FileFrame, RawJoints, Record, sort_frames
from posedeploy.printable import counted
from posedeploy.types import Array

PERSON = 1
"""COCO's category id of people."""


def is_annotations(document: Document) -> bool:
    """Return whether a document is COCO annotations."""
    return isinstance(document, dict) and isinstance(document.get("annotations"), list)


def read_annotations(document: Document, path: Path) -> RawJoints:
    """Return the people of each image, with the names of the joints and the times of a video."""
    remarks: list[str] = []
    people = _select_people(document["annotations"], path.name, remarks)
    records = by_image(people, _annotation, "annotation", path.name, remarks)
    images = images_of(document)
    empty: dict[int | str | None, list[Record]] = {number: [] for number in images}
    frames = [
        _frame(number, None if number is None else images.get(number), people)
        for number, people in (empty | records).items()
    ]
    category = categories_of(document).get(PERSON)
    has_times = bool(frames) and all(frame.time_s is not None for frame in frames)
    names = category.keypoints if category is not None else ()
    return RawJoints(
        sort_frames(frames) if has_times else frames,
        names or None,
        set_by_count(COCO, records.values()),
        has_times,
        tuple(remarks),
    )


def is_results(document: Document) -> bool:
    """Return whether a document is a list of people with keypoints."""
    return isinstance(document, list) and any(
        isinstance(each, dict) and "keypoints" in each for each in document
    )


def read_results(document: Document, path: Path) -> RawJoints:
    """Return the people of each image, which is identified by its id or name."""
    remarks: list[str] = []
    entries = _select_people(document, path.name, remarks)
    records = by_image(entries, scored_joints, "entry", path.name, remarks)
    frames = [
        FileFrame(path.name if name is None else str(name), people, name if isinstance(name, int) else None)
        for name, people in records.items()
    ]
    return RawJoints(sort_frames(frames), None, set_by_count(COCO, records.values()), remarks=tuple(remarks))


def _frame(number: int | str | None, image: CocoImage | None, people: list[Record]) -> FileFrame:
    if image is None:
        return FileFrame(str(number), people)
    return FileFrame(image.file_name or str(number), people, image.frame, image.time_s, image.size)


def _select_people(entries: list[Document], source: str, remarks: list[str]) -> list[Document]:
    people = [
        entry for entry in entries if isinstance(entry, dict) and entry.get("category_id", PERSON) == PERSON
    ]
    if others := len(entries) - len(people):
        remarks.append(f"{source}: {counted(others, 'entry', 'entries')} of other categories ignored")
    return people


def _annotation(entry: Document) -> Array:
    """Return (joints, 2 or 3); our own ``keypoint_scores`` replace COCO's visibility of 0, 1 or 2."""
    joints = numbers_of(entry["keypoints"])
    scores = entry.get("keypoint_scores")
    if scores is not None and joints.shape[1] == 3 and len(scores) == len(joints):
        joints[:, 2] = np.where(joints[:, 2] > 0, np.array(scores, np.float64), 0)
    return joints
