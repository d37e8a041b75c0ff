"""Joints in CSV: a row for each person (or, with ``--sequence``, frame), or a row for each joint.

With a header, joints go by names such as ``nose_x, nose_y, nose_score``, and columns such as ``frame``,
``person`` and ``time_s`` say whose a row is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posedeploy.errors import InputError
from posedeploy.predict.joints.arrays import from_array
from posedeploy.predict.joints.content import FileFrame, RawJoints, Record, in_order
from posedeploy.text_files import CsvRow, read_csv
from posedeploy.types import Array

WHAT = "a CSV file of 2D joints"
FRAME = (
    "frame",
    "frame_id",
    "frame_number",
    "frame_index",
    "image",
    "image_id",
    "file",
    "filename",
    "file_name",
)
PERSON = ("person", "person_id", "id", "track_id", "idx", "pid")
TIME = ("time_s", "time", "timestamp", "seconds", "t")
JOINT = ("joint", "keypoint", "landmark", "name", "part", "joint_name", "joint_id")
SCORES = ("score", "s", "c", "conf", "confidence", "v", "visibility", "likelihood", "prob", "p")
MAX_DIGITS = 16
"""Of a frame's number."""
AXES = {"x": 0, "y": 1} | dict.fromkeys(SCORES, 2)
"""What a number of a joint is called, and its place in x, y, score."""
_LAST = re.compile(r"^(.*?)[ _.:\-]?(" + "|".join(sorted(AXES, key=len, reverse=True)) + r")(\d*)$")
_FIRST = re.compile(r"^(" + "|".join(sorted(AXES, key=len, reverse=True)) + r")[ _.:\-](.+)$")


@dataclass(frozen=True)
class _Row:
    line: int
    frame: str
    person: str
    time_s: float | None
    cells: tuple[str, ...]


def read_table(path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    """Return the joints of a CSV file.

    Raises:
        InputError: it cannot be read, or its columns are not those of joints.
    """
    if key is not None:
        raise InputError(f"--joints-key {key}: {path} is a table without named arrays; leave it out")
    rows = [_split(row) for row in read_csv(path, WHAT)]
    if not rows:
        raise InputError(f"{path}: the file is empty; name {WHAT}")
    if any(number(cell) is None for cell in rows[0].cells):
        return _with_header(path, rows, sequence=sequence)
    array, remarks = _array([row for row in rows], path.name)
    raw = from_array(_without_count(array), path.name, sequence=sequence)
    return RawJoints(raw.frames, remarks=tuple(remarks))


def number(cell: str) -> float | None:
    """Return a cell's number, NaN for an empty one; None for other text. A comma may stand for the point."""
    if not cell:
        return float("nan")
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return None


def _split(row: CsvRow) -> CsvRow:
    """A row that spaces divide."""
    if len(row.cells) == 1 and number(row.cells[0]) is None and len(row.cells[0].split()) > 1:
        return CsvRow(row.line, tuple(row.cells[0].split()))
    return row


def _array(rows: Sequence[CsvRow], source: str) -> tuple[Array, list[str]]:
    """Rows of as many numbers as most have; others go to the remarks."""
    ((width, _),) = Counter(len(row.cells) for row in rows).most_common(1)
    kept, remarks = [], []
    for row in rows:
        numbers = [number(cell) for cell in row.cells]
        if len(numbers) == width and None not in numbers:
            kept.append(numbers)
        else:
            remarks.append(f"{source}: line {row.line} is left out: wanted {width} numbers")
    if not kept:
        raise InputError(f"{source}: none of its {len(rows)} lines is a row of {width} numbers")
    return np.array(kept, np.float64), remarks


def _without_count(array: Array) -> Array:
    """The table without a first column that numbers the rows."""
    first = array[:, 0]
    counts = len(array) > 1 and (np.diff(first) == 1).all() and first[0] in (0, 1)
    odd = array.shape[1] > 3 and array.shape[1] % 2 == 1 and array.shape[1] % 3 != 0
    return array[:, 1:] if counts and (odd or array.shape[1] == 4) else array


def _with_header(path: Path, rows: Sequence[CsvRow], *, sequence: bool) -> RawJoints:
    header = [cell.lower().strip() for cell in rows[0].cells]
    width, remarks = len(header), []
    columns = {
        what: _column(header, names) for what, names in (("frame", FRAME), ("person", PERSON), ("time", TIME))
    }
    body: list[_Row] = []
    for row in rows[1:]:
        if len(row.cells) == width:
            body.append(_row(row, columns, len(body), sequence=sequence))
        else:
            remarks.append(
                f"{path.name}: line {row.line} is left out: {len(row.cells)} cells, and {width} columns"
            )
    joint = _column(header, JOINT)
    if joint is not None and "x" in header and "y" in header:
        records, names = _long(body, header, joint, path.name, remarks)
    else:
        records, names = _wide(body, header, rows[0].cells, path, remarks)
    return _frames(records, names, path.name, remarks)


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _row(row: CsvRow, columns: Mapping[str, int | None], index: int, *, sequence: bool) -> _Row:
    def cell(what: str) -> str | None:
        column = columns[what]
        return None if column is None else row.cells[column]

    frame, person, time = cell("frame"), cell("person"), cell("time")
    alone = str(index) if sequence and frame is None and time is None else ""
    return _Row(row.line, frame or time or alone, person or "", number(time) if time else None, row.cells)


def _wide(
    rows: Sequence[_Row], header: Sequence[str], shown: Sequence[str], path: Path, remarks: list[str]
) -> tuple[list[tuple[_Row, Array]], tuple[str, ...] | None]:
    """A row for each person, with the numbers of all joints."""
    places: dict[str, dict[int, int]] = {}
    for column, title in enumerate(header):
        parsed = _title(title)
        if parsed is not None and title not in (*FRAME, *PERSON, *TIME):
            places.setdefault(parsed[0], {})[parsed[1]] = column
    joints = {name: axes for name, axes in places.items() if {0, 1} <= axes.keys()}
    if not joints:
        raise InputError(
            f"{path}: no columns of joints in {', '.join(shown[:8])}; wanted such as nose_x, nose_y, "
            "nose_score, or a row for each joint with the columns joint, x, y"
        )
    records = []
    size = 3 if any(2 in axes for axes in joints.values()) else 2
    for row in rows:
        numbers = [
            [number(row.cells[axes[axis]]) if axis in axes else float("nan") for axis in range(size)]
            for axes in joints.values()
        ]
        if any(value is None for joint in numbers for value in joint):
            remarks.append(f"{path.name}: line {row.line} is left out: not all of it are numbers")
        else:
            records.append((row, np.array(numbers, np.float64)))
    return records, None if all(name.isdecimal() or not name for name in joints) else tuple(joints)


def _title(title: str) -> tuple[str, int] | None:
    """``nose_x``, ``x_nose``, ``nose.x`` and ``x1`` as the joint's name and the place of the number."""
    if found := _FIRST.match(title):
        return found[2], AXES[found[1]]
    if (found := _LAST.match(title)) and (found[1] == "" or title[len(found[1])] in " _.:-"):
        return found[1] or found[3], AXES[found[2]]
    return None


def _long(
    rows: Sequence[_Row], header: Sequence[str], joint: int, source: str, remarks: list[str]
) -> tuple[list[tuple[_Row, Array]], tuple[str, ...] | None]:
    """A row for each joint."""
    score = _column(header, SCORES)
    columns = [header.index("x"), header.index("y"), *([] if score is None else [score])]
    people: dict[tuple[str, str], tuple[_Row, dict[str, list[float]]]] = {}
    names: dict[str, None] = {}
    for row in rows:
        numbers = [number(row.cells[column]) for column in columns]
        if None in numbers:
            remarks.append(f"{source}: line {row.line} is left out: not all of it are numbers")
            continue
        names.setdefault(row.cells[joint])
        _, joints = people.setdefault((row.frame, row.person), (row, {}))
        joints[row.cells[joint]] = [value for value in numbers if value is not None]
    missing = [float("nan")] * len(columns)
    records = [
        (row, np.array([joints.get(name, missing) for name in names])) for row, joints in people.values()
    ]
    return records, None if all(name.isdecimal() for name in names) else tuple(names)


def _frames(
    records: Sequence[tuple[_Row, Array]], names: tuple[str, ...] | None, source: str, remarks: Sequence[str]
) -> RawJoints:
    frames: dict[str, list[tuple[_Row, Record]]] = {}
    for row, joints in records:
        people = frames.setdefault(row.frame, [])
        label = f"person {row.person}" if row.person else f"line {row.line}"
        people.append((row, Record(joints, label)))
    listed = [
        FileFrame(
            source if name == "" or people[0][0].time_s is not None else name,
            [record for _, record in people],
            int(name) if name.isdecimal() and len(name) < MAX_DIGITS else None,
            people[0][0].time_s,
        )
        for name, people in frames.items()
    ]
    timed = any(frame.time_s is not None for frame in listed)
    listed = sorted(listed, key=lambda frame: frame.time_s or 0) if timed else in_order(listed)
    return RawJoints(listed, names, is_sequence=timed, remarks=tuple(remarks))
