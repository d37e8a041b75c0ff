"""Read the people in the entries of a JSON document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from posedeploy.predict.coco_tables import ENTRY_ERRORS, image_id_of, reason_of
from posedeploy.predict.joint_files.joint_content import Record
from posedeploy.types import Array

Document: TypeAlias = Any
"""A decoded JSON value."""


def people_of(
    entries: Sequence[Document],
    joints_of: Callable[[Document], Array],
    what: str,
    source: str,
    remarks: list[str],
    *,
    numbered: bool = True,
) -> Iterator[Record]:
    """Yield the people of the entries; a malformed entry is left out with a remark."""
    for index, entry in enumerate(entries):
        label = f"{what} {index}" if numbered else what
        try:
            joints = joints_of(entry)
        except ENTRY_ERRORS as error:
            remarks.append(f"{source}: {label} is left out: {reason_of(error)}")
            continue
        yield Record(joints, label)


def by_image(
    entries: Iterable[Document],
    joints_of: Callable[[Document], Array],
    what: str,
    source: str,
    remarks: list[str],
) -> dict[int | str | None, list[Record]]:
    """Return the people of each image, by its id or name; a malformed entry is left out with a remark."""
    records: dict[int | str | None, list[Record]] = {}
    for index, entry in enumerate(entries):
        name = f"{what} {entry.get('id', index) if isinstance(entry, dict) else index}"
        try:
            people = records.setdefault(image_id_of(entry), [])
        except ENTRY_ERRORS as error:
            remarks.append(f"{source}: {name} is left out: {reason_of(error)}")
            continue
        people += people_of([entry], joints_of, name, source, remarks, numbered=False)
    return records


def scored_joints(entry: Document) -> Array:
    """Return the joints of an entry: flat x, y, score, or (x, y) pairs with separate ``keypoint_scores``."""
    joints = numbers_of(entry["keypoints"])
    scores = entry.get("keypoint_scores")
    if scores is not None and joints.shape == (len(scores), 2):
        joints = np.column_stack([joints, np.array(scores, np.float64)])
    return joints


def numbers_of(keypoints: Document) -> Array:
    """Return (joints, 2 or 3) of a flat list of x, y and score, or of a list for each joint."""
    array = array_of(keypoints)
    if array.ndim == 1 and array.size and array.size % 3 == 0:
        return array.reshape(-1, 3)
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise ValueError(f"keypoints of shape {array.shape}; expected x, y and a score for each joint")
    return array


def array_of(value: Document) -> Array:
    """Return an array of numbers; ``null`` is NaN."""
    return np.array(value, np.float64)


def set_by_count(sets: Mapping[int, str], groups: Iterable[Sequence[Record]]) -> str | None:
    """Return the set with the people's number of joints; None if there is none."""
    counts = {len(person.joints) for people in groups for person in people}
    return next((sets[count] for count in counts if count in sets), None)
