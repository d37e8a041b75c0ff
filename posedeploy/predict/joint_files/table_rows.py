"""Rows of a CSV file of joints with a header: the frame, the person and the time of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from posedeploy.csv_files import CsvRow

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
NAMES = {"frame": FRAME, "person": PERSON, "time": TIME}


@dataclass(frozen=True)
class Row:
    """A row with its line. time_s: finite if the file has a column of times, otherwise None."""

    line: int
    frame: str
    person: str
    time_s: float | None
    cells: tuple[str, ...]


def read_rows(
    rows: Sequence[CsvRow], header: Sequence[str], joint: int | None, source: str, *, sequence: bool
) -> tuple[list[Row], list[str]]:
    """Return the rows that have all columns and a time, and remarks on the other rows.

    Args:
        joint: the column of joint names, in a table with a row for each joint.
    """
    columns = {what: column_of(header, names) for what, names in NAMES.items()}
    if columns["time"] is not None and not any(
        row.cells[columns["time"]] for row in rows if len(row.cells) == len(header)
    ):
        columns["time"] = None
    kept: list[Row] = []
    remarks: list[str] = []
    for index, row in enumerate(rows):
        fault = _find_fault(row, len(header), columns["time"])
        if fault:
            remarks.append(f"{source}: line {row.line} is left out: {fault}")
        else:
            kept.append(_row(row, columns, index, sequence=sequence))
    return kept, remarks + _steps_back(kept, joint, source)


def _find_fault(row: CsvRow, width: int, time: int | None) -> str:
    if len(row.cells) != width:
        return f"{len(row.cells)} cells; expected {width}, as in the header"
    if time is None:
        return ""
    seconds = number(row.cells[time])
    if seconds is None or not math.isfinite(seconds):
        return f"the time {row.cells[time][:40]!r}; expected a number of seconds"
    return ""


def _steps_back(rows: Sequence[Row], joint: int | None, source: str) -> list[str]:
    """Return a remark on the first time that is earlier than the last one of the same person and joint."""
    last: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = row.person, "" if joint is None else row.cells[joint]
        before = last.get(key)
        if before is not None and (row.time_s or 0) < (before.time_s or 0):
            return [
                f"{source}: line {row.line}: the time {row.time_s:g} s is before the {before.time_s:g} s of "
                f"line {before.line}; the frames are sorted by time"
            ]
        last[key] = row
    return []


def column_of(header: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the index of the first column with one of these names; None if there is none."""
    return next((header.index(name) for name in names if name in header), None)


def number(cell: str) -> float | None:
    """Return the number in a cell, with a decimal point or comma; NaN if empty, None for other text."""
    if not cell:
        return float("nan")
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return None


def _row(row: CsvRow, columns: Mapping[str, int | None], index: int, *, sequence: bool) -> Row:
    def cell(what: str) -> str | None:
        column = columns[what]
        return None if column is None else row.cells[column]

    frame, person, time = cell("frame"), cell("person"), cell("time")
    default = str(index) if sequence and frame is None and time is None else ""
    return Row(row.line, frame or default, person or "", number(time) if time else None, row.cells)
