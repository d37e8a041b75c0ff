"""YOLO labels: a ``.txt`` file per image with a line per box: class, center, width and height from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from posedeploy.predict.box_files.box_content import Box, ImageKey, RawBoxes, collect, numbers_of
from posedeploy.text_files import read_text

WHAT = "a file of YOLO labels"
CLASSES = ("classes.txt", "labels.txt", "obj.names", "_classes.txt")
"""Files next to the labels that list the class names. Without one, class 0 is people, as in COCO's 80."""
PERSON = ("0",)


def read_labels(path: Path) -> RawBoxes:
    """Return the boxes of one file, for the image with the same name.

    Raises:
        InputError: the file cannot be read.
    """
    return read_all((path,), path.name)


def read_all(files: Sequence[Path], source: str) -> RawBoxes:
    """Return the boxes of several files, each for the image with the same name.

    Raises:
        InputError: a file cannot be read.
    """
    by_image: dict[ImageKey, list[Box]] = {}
    remarks: list[str] = []
    names: list[str] = []
    for file in files:
        names = names or _classes(file.parent)
        lines = enumerate(read_text(file, WHAT).split("\n"), start=1)
        rows = [(index, line.split()) for index, line in lines if line.strip()]
        entries = (
            (f"line {index}", partial(_box, file.stem, f"{file.name}, line {index}", cells, names))
            for index, cells in rows
        )
        boxes, malformed = collect(entries, file.name)
        by_image.setdefault(file.stem, [])
        by_image |= boxes
        remarks += malformed
    return RawBoxes(by_image, "yolo", () if names else PERSON, remarks=tuple(remarks))


def is_labels(text: str) -> bool:
    """Return whether the first line of a text is an integer and at least four numbers from 0 to 1."""
    cells = next((line.split() for line in text.split("\n") if line.strip()), [])
    try:
        return len(cells) >= 5 and cells[0].isdecimal() and all(0 <= float(cell) <= 1 for cell in cells[1:5])
    except ValueError:
        return False


def _classes(folder: Path) -> list[str]:
    file = next((folder / name for name in CLASSES if (folder / name).is_file()), None)
    return [] if file is None else [line.strip() for line in read_text(file, "a file of classes").split("\n")]


def _box(image: str, where: str, cells: Sequence[str], names: Sequence[str]) -> tuple[ImageKey, Box]:
    """Read a class and a box, with an optional score or (x, y, v) keypoints; or a class and a polygon."""
    number, values = int(cells[0]), [float(cell) for cell in cells[1:]]
    label = names[number] if 0 <= number < len(names) else str(number)
    if len(values) > 5 and not _has_keypoints(values):
        x, y = values[::2], values[1::2]
        size = (max(x) - min(x), max(y) - min(y))
        values = [min(x) + size[0] / 2, min(y) + size[1] / 2, *size]
    score = values[4] if len(values) == 5 else None
    return image, Box(numbers_of(values[:4]), where, label, score)


def _has_keypoints(values: Sequence[float]) -> bool:
    """Return whether the values are a box and (x, y, v) keypoints, where v is 0, 1 or 2, not a polygon."""
    return (len(values) - 4) % 3 == 0 and set(values[6::3]) <= {0, 1, 2}
