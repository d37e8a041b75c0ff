"""Boxes as files have them: of which image, how written, with what label and score."""

from __future__ import annotations

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
"""Of which image a box is: by its name, by a number (COCO's id, a video's frame), or of the only one or every
frame."""


@dataclass(frozen=True)
class Box:
    """Four numbers, written as the file's format has them. where: its place in the file, for messages."""

    numbers: tuple[float, float, float, float]
    where: str
    label: str | None = None
    score: float | None = None


@dataclass(frozen=True)
class RawBoxes:
    """What a reader found.

    box_format: how the file's kind writes boxes. person_labels: what people are called in it, beside
    ``person``. first_number: what its frames are counted from, where its kind says. sizes: (width, height) of
    images, where the file has them. remarks: what was left out of it, and why.
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
    """What the user says of a file of boxes: how they are written, which label people have, the least
    score."""

    box_format: BoxFormat | None = None
    label: str | None = None
    min_score: float | None = None


def collect(
    entries: Iterable[tuple[str, Callable[[], tuple[ImageKey, Box]]]], source: str
) -> tuple[dict[ImageKey, list[Box]], list[str]]:
    """Return boxes by image, and a remark for each entry that is none.

    Args:
        entries: where each stands in the file, and what reads it or raises.
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
        ValueError: they are not four, or not all finite numbers.
    """
    if len(values) != 4:
        raise ValueError(f"{len(values)} numbers; wanted 4 for a box")
    found = [float(value) for value in values]  # type: ignore[arg-type]
    if not all(abs(value) < float("inf") for value in found):
        raise ValueError("NaN or infinity; wanted four numbers")
    return found[0], found[1], found[2], found[3]


def of_people(raw: RawBoxes, options: BoxOptions, source: str) -> RawBoxes:
    """Return the boxes that have the label of people, where there are labels, and the least score.

    Raises:
        InputError: none has that label, or there are no labels or scores to choose by.
    """
    boxes = raw.boxes
    labels = [box.label for box in boxes if box.label is not None]
    wanted = {options.label.casefold()} if options.label is not None else {PERSON, *raw.person_labels}
    if options.label is not None and not labels and boxes:
        raise InputError(f"`box_label={options.label}`: {source} has no labels; leave it out")
    if options.min_score is not None and boxes and all(box.score is None for box in boxes):
        raise InputError(f"`box_score={options.min_score:g}`: {source} has no scores; leave it out")

    def is_wanted(box: Box) -> bool:
        labeled = box.label is None or box.label.casefold() in wanted
        return labeled and (box.score is None or box.score >= (options.min_score or float("-inf")))

    if labels and not any(label.casefold() in wanted for label in labels):
        found = ", ".join(f"{label} ({_boxes(labels.count(label))})" for label in sorted(set(labels))[:8])
        raise InputError(
            f"{source}: none of its boxes is labeled {options.label or PERSON}; its labels are {found}; "
            "name that of people with `box_label`"
        )
    by_image = {key: [box for box in kept if is_wanted(box)] for key, kept in raw.by_image.items()}
    others = sum(label.casefold() not in wanted for label in labels)
    remarks = (f"{source}: {_boxes(others)} of other labels not used",) if others else ()
    return RawBoxes(
        by_image, raw.box_format, raw.person_labels, raw.first_number, raw.sizes, (*raw.remarks, *remarks)
    )


def _boxes(count: int) -> str:
    return f"{count} box" if count == 1 else f"{count} boxes"
