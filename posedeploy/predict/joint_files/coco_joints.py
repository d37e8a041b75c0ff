"""Joints in COCO's results and annotations, and in our own ``poses.json``, which is in their form."""

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
    tell_others,
)
from posedeploy.predict.joint_files.estimators import COCO
from posedeploy.predict.joint_files.joint_content import FileFrame, RawJoints, Record, in_order
from posedeploy.types import Array

PERSON = 1
"""COCO's number of the category person."""


def is_annotations(document: Document) -> bool:
    """Whether a document is COCO's annotations."""
    return isinstance(document, dict) and isinstance(document.get("annotations"), list)


def read_annotations(document: Document, path: Path) -> RawJoints:
    """Return the people of each image, with the names of the joints and the times of a video."""
    remarks: list[str] = []
    people = _of_people(document["annotations"], path.name, remarks)
    found = by_image(people, _annotation, "annotation", path.name, remarks)
    images = images_of(document)
    empty: dict[int | str | None, list[Record]] = {number: [] for number in images}
    frames = [
        _frame(number, None if number is None else images.get(number), kept)
        for number, kept in (empty | found).items()
    ]
    category = categories_of(document).get(PERSON)
    timed = bool(frames) and all(frame.time_s is not None for frame in frames)
    names = category.keypoints if category is not None else ()
    return RawJoints(
        in_order(frames) if timed else frames,
        names or None,
        set_by_count(COCO, found.values()),
        timed,
        tuple(remarks),
    )


def is_results(document: Document) -> bool:
    """Whether a document is a list of people with keypoints."""
    return isinstance(document, list) and any(
        isinstance(each, dict) and "keypoints" in each for each in document
    )


def read_results(document: Document, path: Path) -> RawJoints:
    """Return the people of each image, which is called by its id or name."""
    remarks: list[str] = []
    people = _of_people(document, path.name, remarks)
    found = by_image(people, scored_joints, "entry", path.name, remarks)
    frames = [
        FileFrame(path.name if name is None else str(name), kept, name if isinstance(name, int) else None)
        for name, kept in found.items()
    ]
    return RawJoints(in_order(frames), None, set_by_count(COCO, found.values()), remarks=tuple(remarks))


def _frame(number: int | str | None, image: CocoImage | None, people: list[Record]) -> FileFrame:
    if image is None:
        return FileFrame(str(number), people)
    return FileFrame(image.file_name or str(number), people, image.frame, image.time_s, image.size)


def _of_people(entries: list[Document], source: str, remarks: list[str]) -> list[Document]:
    people = [
        entry for entry in entries if isinstance(entry, dict) and entry.get("category_id", PERSON) == PERSON
    ]
    tell_others(len(entries) - len(people), source, remarks)
    return people


def _annotation(entry: Document) -> Array:
    """COCO's visibility is 0, 1 or 2; our own files have the scores beside it."""
    joints = numbers_of(entry["keypoints"])
    scores = entry.get("keypoint_scores")
    if scores is not None and joints.shape[1] == 3 and len(scores) == len(joints):
        joints[:, 2] = np.where(joints[:, 2] > 0, np.array(scores, np.float64), 0)
    return joints
