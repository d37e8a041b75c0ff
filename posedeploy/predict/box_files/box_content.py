"""Boxes as files contain them: image, numbers, label and score."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from posedeploy.errors import InputError
from posedeploy.predict.coco_tables import ENTRY_ERRORS, reason_of

BoxFormat: TypeAlias = Literal["xywh", "xyxy", "cxcywh", "yolo"]
BOX_FORMATS: tuple[BoxFormat, ...] = get_args(BoxFormat)
MEANINGS: Mapping[BoxFormat, str] = {
    "xywh": "left, top, width, height in px",
    "xyxy": "left, top, right, bottom in px",
    "cxcywh": "center x, center y, width, height in px",
    "yolo": "center x, center y, width, height from 0 to 1",
}
PERSON = "person"

Size: TypeAlias = tuple[int, int]
"""Width and height in px."""

ImageKey: TypeAlias = str | int | None
"""The image of a box: its name, or a number (a COCO id or a frame of a video); None for the only image or for
every frame."""


@dataclass(frozen=True)
class Box:
    """Four numbers in the format of the file. where: the position in the file, for messages."""

    numbers: tuple[float, float, float, float]
    where: str
    label: str | None = None
    score: float | None = None


@dataclass(frozen=True)
class RawBoxes:
    """The boxes of a file.

    box_format: the format of boxes in files of this kind. person_labels: labels of people besides
    ``person``. first_number: the number of the first frame; None if the kind of file does not define it.
    sizes: (width, height) of the images that have one in the file. remarks: what was left out, and why.
    """

    by_image: Mapping[ImageKey, Sequence[Box]]
    box_format: BoxFormat = "xywh"
    person_labels: tuple[str, ...] = ()
    first_number: int | None = None
    sizes: Mapping[ImageKey, Size] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def boxes(self) -> list[Box]:
        """All boxes."""
        return [box for boxes in self.by_image.values() for box in boxes]


@dataclass(frozen=True)
class BoxOptions:
    """The user's options for a file of boxes: the format, the label of people, and the minimum score."""

    box_format: BoxFormat | None = None
    label: str | None = None
    min_score: float | None = None


def collect(
    entries: Iterable[tuple[str, Callable[[], tuple[ImageKey, Box]]]], source: str
) -> tuple[dict[ImageKey, list[Box]], list[str]]:
    """Return the boxes by image, and a remark for each malformed entry.

    Args:
        entries: the position of each entry in the file, and a function that reads it or raises.
    """
    by_image: dict[ImageKey, list[Box]] = {}
    remarks: list[str] = []
    for where, read in entries:
        try:
            key, box = read()
        except ENTRY_ERRORS as error:
            remarks.append(f"{source}: {where} is left out: {reason_of(error)}")
            continue
        by_image.setdefault(key, []).append(box)
    return by_image, remarks


def numbers_of(values: Sequence[object]) -> tuple[float, float, float, float]:
    """Return four finite numbers.

    Raises:
        ValueError: the values are not four finite numbers.
    """
    if len(values) != 4:
        raise ValueError(f"{len(values)} numbers; expected 4 for a box")
    numbers = [float(value) for value in values]  # type: ignore[arg-type]
    if not all(abs(number) < float("inf") for number in numbers):
        raise ValueError("NaN or infinity; expected four numbers")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def select_people(raw: RawBoxes, options: BoxOptions, source: str) -> RawBoxes:
    """Return the boxes labeled as people, if there are labels, with at least the minimum score.

    Raises:
        InputError: no box has the label, or an option needs labels or scores that the file does not have.
    """
    boxes = raw.boxes
    labels = [box.label for box in boxes if box.label is not None]
    allowed = {options.label.casefold()} if options.label is not None else {PERSON, *raw.person_labels}
    if options.label is not None and not labels and boxes:
        raise InputError(f"`box_label={options.label}`: {source} has no labels; leave it out")
    if options.min_score is not None and not math.isfinite(options.min_score):
        raise InputError(f"`box_score={options.min_score:g}`: expected a number, like the scores in {source}")
    if options.min_score is not None and boxes and all(box.score is None for box in boxes):
        raise InputError(f"`box_score={options.min_score:g}`: {source} has no scores; leave it out")

    def is_selected(box: Box) -> bool:
        is_person = box.label is None or box.label.casefold() in allowed
        return is_person and (
            box.score is None or options.min_score is None or box.score >= options.min_score
        )

    if labels and not any(label.casefold() in allowed for label in labels):
        names = ", ".join(f"{label} ({_boxes(labels.count(label))})" for label in sorted(set(labels))[:8])
        raise InputError(
            f"{source}: no box is labeled {options.label or PERSON}; its labels are {names}; pass the label "
            "of people with `box_label`"
        )
    by_image = {key: [box for box in boxes if is_selected(box)] for key, boxes in raw.by_image.items()}
    others = sum(label.casefold() not in allowed for label in labels)
    remarks = (f"{source}: {_boxes(others)} with other labels ignored",) if others else ()
    return RawBoxes(
        by_image, raw.box_format, raw.person_labels, raw.first_number, raw.sizes, (*raw.remarks, *remarks)
    )


def _boxes(count: int) -> str:
    return f"{count} box" if count == 1 else f"{count} boxes"
