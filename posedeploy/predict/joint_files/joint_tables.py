"""Joints in CSV: a row for each person (or, with ``sequence``, for each frame), or a row for each joint.

With a header, the columns of joints have names such as ``nose_x, nose_y, nose_score``; columns such as
``frame``, ``person`` and ``time_s`` identify the person of a row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from posedeploy.csv_files import CsvRow, read_csv
from posedeploy.errors import InputError
from posedeploy.predict.joint_files.joint_arrays import from_array
from posedeploy.predict.joint_files.joint_content import MAX_DIGITS, FileFrame, RawJoints, Record, sort_frames
from posedeploy.predict.joint_files.table_rows import FRAME, PERSON, TIME, Row, column_of, number, read_rows
from posedeploy.types import Array

WHAT = "a CSV file of 2D joints"
JOINT = ("joint", "keypoint", "landmark", "name", "part", "joint_name", "joint_id")
SCORES = ("score", "s", "c", "conf", "confidence", "v", "visibility", "likelihood", "prob", "p")
AXES = {"x": 0, "y": 1} | dict.fromkeys(SCORES, 2)
"""The names of a joint's numbers, with their index in x, y, score."""
_LAST = re.compile(r"^(.*?)[ _.:\-]?(" + "|".join(sorted(AXES, key=len, reverse=True)) + r")(\d*)$")
_FIRST = re.compile(r"^(" + "|".join(sorted(AXES, key=len, reverse=True)) + r")[ _.:\-](.+)$")


def read_table(path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    """Return the joints of a CSV file.

    Raises:
        InputError: the file cannot be read, or has no columns of joints.
    """
    if key is not None:
        raise InputError(f"`joints_key={key}`: {path} is a table and has no named arrays; leave it out")
    rows = [_split(row) for row in read_csv(path, WHAT)]
    if not rows:
        raise InputError(f"{path}: the file is empty; pass {WHAT}")
    if any(number(cell) is None for cell in rows[0].cells):
        return _with_header(path, rows, sequence=sequence)
    array, remarks = _read_array(rows, path.name, sequence=sequence)
    raw = from_array(_without_count(array), path.name, sequence=sequence)
    return RawJoints(raw.frames, remarks=tuple(remarks))


def _split(row: CsvRow) -> CsvRow:
    """Split a row of one cell at its spaces."""
    if len(row.cells) == 1 and number(row.cells[0]) is None and len(row.cells[0].split()) > 1:
        return CsvRow(row.line, tuple(row.cells[0].split()))
    return row


def _read_array(rows: Sequence[CsvRow], source: str, *, sequence: bool) -> tuple[Array, list[str]]:
    """Return the rows with the most frequent number of columns, and remarks on the others.

    In a sequence, the others are NaN, so that the following frames keep their times.
    """
    ((width, _),) = Counter(len(row.cells) for row in rows).most_common(1)
    kept, remarks = [], []
    for row in rows:
        numbers = [number(cell) for cell in row.cells]
        if len(numbers) == width and None not in numbers:
            kept.append(numbers)
        else:
            remarks.append(f"{source}: line {row.line} is left out: expected {width} numbers")
            kept += [[float("nan")] * width] * sequence
    if len(remarks) == len(rows):
        raise InputError(f"{source}: none of its {len(rows)} lines has {width} numbers")
    return np.array(kept, np.float64), remarks


def _without_count(array: Array) -> Array:
    """Remove a first column that only numbers the rows."""
    first, width = array[:, 0], array.shape[1]
    is_finite = len(array) > 1 and bool(np.isfinite(first).all())
    is_count = is_finite and (np.diff(first) == 1).all() and first[0] in (0, 1)
    has_extra_column = width == 4 or (width > 3 and width % 2 == 1 and width % 3 != 0)
    return array[:, 1:] if is_count and has_extra_column else array


def _with_header(path: Path, rows: Sequence[CsvRow], *, sequence: bool) -> RawJoints:
    header = [cell.lower().strip() for cell in rows[0].cells]
    joint = column_of(header, JOINT)
    body, remarks = read_rows(rows[1:], header, joint, path.name, sequence=sequence)
    if joint is not None and "x" in header and "y" in header:
        records, names = _read_long(body, header, joint, path.name, remarks)
    else:
        records, names = _read_wide(body, header, rows[0].cells, path, remarks)
    return _frames(records, names, path.name, remarks)


def _read_wide(
    rows: Sequence[Row], header: Sequence[str], shown: Sequence[str], path: Path, remarks: list[str]
) -> tuple[list[tuple[Row, Array]], tuple[str, ...] | None]:
    """Read a row for each person, with the numbers of all joints."""
    joints = _joint_columns(header)
    if not joints:
        raise InputError(
            f"{path}: no columns of joints in {', '.join(shown[:8])}; expected, for example, nose_x, nose_y, "
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
            remarks.append(f"{path.name}: line {row.line} is left out: a cell is not a number")
        else:
            records.append((row, np.array(numbers, np.float64)))
    return records, None if all(name.isdecimal() or not name for name in joints) else tuple(joints)


def _joint_columns(header: Sequence[str]) -> dict[str, dict[int, int]]:
    """Return the columns of each joint that has x and y, by axis: 0 for x, 1 for y, 2 for the score."""
    columns: dict[str, dict[int, int]] = {}
    for column, title in enumerate(header):
        parsed = _title(title)
        if parsed is not None and title not in (*FRAME, *PERSON, *TIME):
            columns.setdefault(parsed[0], {})[parsed[1]] = column
    return {name: axes for name, axes in columns.items() if {0, 1} <= axes.keys()}


def _title(title: str) -> tuple[str, int] | None:
    """Parse ``nose_x``, ``x_nose``, ``nose.x`` or ``x1`` into the joint's name and the number's index."""
    if match := _FIRST.match(title):
        return match[2], AXES[match[1]]
    if (match := _LAST.match(title)) and (match[1] == "" or title[len(match[1])] in " _.:-"):
        return match[1] or match[3], AXES[match[2]]
    return None


def _read_long(
    rows: Sequence[Row], header: Sequence[str], joint: int, source: str, remarks: list[str]
) -> tuple[list[tuple[Row, Array]], tuple[str, ...] | None]:
    """Read a row for each joint."""
    score = column_of(header, SCORES)
    columns = [header.index("x"), header.index("y"), *([] if score is None else [score])]
    people: dict[tuple[str, float | None, str], tuple[Row, dict[str, list[float]]]] = {}
    repeated: dict[tuple[str, float | None, str], Row] = {}
    names: dict[str, None] = {}
    for row in rows:
        numbers = [number(row.cells[column]) for column in columns]
        if None in numbers:
            remarks.append(f"{source}: line {row.line} is left out: a cell is not a number")
            continue
        names.setdefault(row.cells[joint])
        person = people.setdefault((row.frame, row.time_s, row.person), (row, {}))
        if row.cells[joint] in person[1]:
            repeated.setdefault((row.frame, row.time_s, row.person), row)
        person[1][row.cells[joint]] = [value for value in numbers if value is not None]
    for key, again in repeated.items():
        first, _ = people.pop(key)
        remarks.append(
            f"{source}: the person from line {first.line} on is left out: line {again.line} repeats the "
            f"joint {again.cells[joint]} of this frame and person; remove one of the two rows, or number "
            "several people of a frame in a column person"
        )
    missing = [float("nan")] * len(columns)
    records = [
        (row, np.array([joints.get(name, missing) for name in names])) for row, joints in people.values()
    ]
    return records, None if all(name.isdecimal() for name in names) else tuple(names)


def _frames(
    records: Sequence[tuple[Row, Array]], names: tuple[str, ...] | None, source: str, remarks: Sequence[str]
) -> RawJoints:
    frames: dict[tuple[str, float | None], list[Record]] = {}
    for row, joints in records:
        people = frames.setdefault((row.frame, row.time_s), [])
        label = f"person {row.person}" if row.person else f"line {row.line}"
        people.append(Record(joints, label))
    listed = [
        FileFrame(
            source if name == "" or time_s is not None else name,
            people,
            int(name) if name.isdecimal() and len(name) <= MAX_DIGITS else None,
            time_s,
        )
        for (name, time_s), people in frames.items()
    ]
    has_times = any(frame.time_s is not None for frame in listed)
    listed = sorted(listed, key=lambda frame: frame.time_s or 0) if has_times else sort_frames(listed)
    return RawJoints(listed, names, is_sequence=has_times, remarks=tuple(remarks))
