"""Boxes in CSV and other tables: with a header, in MOTChallenge's format, or plain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from posedeploy.csv_files import CsvRow, read_csv
from posedeploy.errors import InputError
from posedeploy.predict.box_files.box_content import Box, BoxFormat, ImageKey, RawBoxes, collect, numbers_of

WHAT = "a table of boxes"
IMAGE = (
    "image", "filename", "file_name", "file", "image_name", "image_id", "path", "img", "frame", "frame_id",
    "frame_number",
)  # fmt: skip
LABEL = ("label", "class", "class_name", "category", "category_id", "cls", "class_id", "name")
SCORE = ("score", "confidence", "conf", "probability", "prob")
COLUMNS: tuple[tuple[BoxFormat, tuple[str, str, str, str]], ...] = (
    ("xyxy", ("xmin", "ymin", "xmax", "ymax")),
    ("xyxy", ("x_min", "y_min", "x_max", "y_max")),
    ("xyxy", ("x1", "y1", "x2", "y2")),
    ("xyxy", ("left", "top", "right", "bottom")),
    ("cxcywh", ("cx", "cy", "w", "h")),
    ("cxcywh", ("cx", "cy", "width", "height")),
    ("cxcywh", ("x_center", "y_center", "width", "height")),
    ("cxcywh", ("xcenter", "ycenter", "width", "height")),
    ("cxcywh", ("xc", "yc", "w", "h")),
    ("xywh", ("x", "y", "w", "h")),
    ("xywh", ("x", "y", "width", "height")),
    ("xywh", ("left", "top", "width", "height")),
    ("xywh", ("bb_left", "bb_top", "bb_width", "bb_height")),
    ("xywh", ("xmin", "ymin", "width", "height")),
)
"""The names of the four columns of a box, with the format that they imply."""
MOT_COLUMNS = range(7, 11)
MOT_PERSON = ("1",)


def read_table(path: Path) -> RawBoxes:
    """Return the boxes of a CSV file.

    Raises:
        InputError: the file cannot be read, or has no columns of boxes.
    """
    rows = [split(row) for row in read_csv(path, WHAT)]
    if not rows:
        raise InputError(f"{path}: the file is empty; pass {WHAT}")
    header = [cell.lower() for cell in rows[0].cells]
    if _numeric(rows[0].cells) or len(header) < 4:
        return _read_plain(path, rows)
    columns = next((each for each in COLUMNS if set(each[1]) <= set(header)), None)
    if columns is not None:
        return _with_header(path, rows, header, *columns)
    if _numeric(rows[0].cells[1:5]):
        return _read_plain(path, rows)
    raise InputError(
        f"{path}: no columns of boxes in {', '.join(rows[0].cells[:10])}; expected, for example, image, x, "
        "y, width, height or image, xmin, ymin, xmax, ymax"
    )


def split(row: CsvRow) -> CsvRow:
    """Split a row of one cell at its spaces."""
    return CsvRow(row.line, tuple(row.cells[0].split())) if len(row.cells) == 1 else row


def number(cell: str) -> float:
    """Return the number in a cell, with a decimal point or comma.

    Raises:
        ValueError: the cell is not a number.
    """
    return float(cell.replace(",", "."))


def _numeric(cells: Sequence[str]) -> bool:
    try:
        return all(number(cell) == number(cell) for cell in cells)
    except ValueError:
        return False


def _with_header(
    path: Path, rows: Sequence[CsvRow], header: list[str], box_format: BoxFormat, columns: tuple[str, ...]
) -> RawBoxes:
    image, label, score = (_column(header, names, columns) for names in (IMAGE, LABEL, SCORE))

    def read(row: CsvRow) -> tuple[ImageKey, Box]:
        if len(row.cells) != len(header):
            raise ValueError(f"{len(row.cells)} cells; expected {len(header)}, as in the header")
        numbers = numbers_of([number(row.cells[header.index(column)]) for column in columns])
        key = None if image is None else row.cells[image]
        return key, Box(
            numbers,
            f"line {row.line}",
            None if label is None else row.cells[label],
            None if score is None else number(row.cells[score]),
        )

    by_image, remarks = collect(_read_lines(rows[1:], read), path.name)
    boxes = [box for kept in by_image.values() for box in kept]
    normalized = box_format == "cxcywh" and all(max(map(abs, box.numbers)) <= 1 for box in boxes)
    return RawBoxes(by_image, "yolo" if normalized and boxes else box_format, remarks=tuple(remarks))


def _column(header: Sequence[str], names: Sequence[str], taken: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header and name not in taken), None)


def _read_plain(path: Path, rows: Sequence[CsvRow]) -> RawBoxes:
    ((width, _),) = Counter(len(row.cells) for row in rows).most_common(1)
    if width in MOT_COLUMNS and _numeric(rows[0].cells):
        by_image, remarks = collect(_read_lines(rows, partial(_read_mot, width)), path.name)
        return RawBoxes(by_image, "xywh", MOT_PERSON, 1, remarks=tuple(remarks))
    if width not in (4, 5, 6):
        raise InputError(
            f"{path}: {width} columns; expected x, y, width, height, optionally after an image name and "
            "before a score, or a header"
        )
    by_image, remarks = collect(_read_lines(rows, partial(_read_short, width)), path.name)
    return RawBoxes(by_image, remarks=tuple(remarks))


def _read_mot(width: int, row: CsvRow) -> tuple[ImageKey, Box]:
    """Read MOTChallenge's frame, id, left, top, width, height, confidence, class, ...; -1 means unknown."""
    if len(row.cells) != width:
        raise ValueError(f"{len(row.cells)} cells; expected {width}, as in most lines")
    numbers = [number(cell) for cell in row.cells]
    label = str(int(numbers[7])) if width == 9 and numbers[7] > 0 else None
    return int(numbers[0]), Box(numbers_of(numbers[2:6]), f"line {row.line}", label, numbers[6])


def _read_short(width: int, row: CsvRow) -> tuple[ImageKey, Box]:
    """Read four numbers, optionally after the name of an image and before a score."""
    if len(row.cells) != width:
        raise ValueError(f"{len(row.cells)} cells; expected {width}, as in most lines")
    named = not _numeric(row.cells[:1])
    cells = row.cells[named:]
    score = number(cells[4]) if len(cells) == 5 else None
    return row.cells[0] if named else None, Box(
        numbers_of([number(cell) for cell in cells[: 4 if score is not None else None]]),
        f"line {row.line}",
        None,
        score,
    )


def _read_lines(
    rows: Sequence[CsvRow], read: Callable[[CsvRow], tuple[ImageKey, Box]]
) -> Iterator[tuple[str, Callable[[], tuple[ImageKey, Box]]]]:
    for row in rows:
        yield f"line {row.line}", partial(read, row)
