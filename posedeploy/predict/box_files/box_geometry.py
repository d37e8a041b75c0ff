"""Convert boxes to px, and detect implausible boxes and formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.crops import format_box
from posedeploy.predict.box_files.box_content import BOX_FORMATS, MEANINGS, Box, BoxFormat, Size
from posedeploy.types import Array

MIN_VISIBLE = 0.5
"""Minimum fraction of a box's area inside the image."""
MAX_SIZE = 1.5
"""Maximum size of a box, as a multiple of the image's."""
MARGIN = 0.05
"""Distance that a plausible box may extend beyond the image, as a fraction of the image's side."""
FEW_MISMATCHES, MANY_MISMATCHES, MOST_FIT = 0.2, 0.5, 0.75
"""Fractions of boxes. If the first fraction does not fit the image, another format is likelier if all boxes
fit in it; if the second fraction does not, a format in which the third fraction fits."""
MIN_PX = 2
MAX_NORMALIZED = 1.01
ANY_NUMBERS = np.errstate(over="ignore", invalid="ignore")
"""Numbers of a file may overflow; an infinite box has a fault like any other."""


def _xywh(box: Array, size: Array) -> Array:
    return box


def _xyxy(box: Array, size: Array) -> Array:
    return np.concatenate([box[:2], box[2:] - box[:2]])


def _cxcywh(box: Array, size: Array) -> Array:
    return np.concatenate([box[:2] - box[2:] / 2, box[2:]])


def _yolo(box: Array, size: Array) -> Array:
    return _cxcywh(box * np.tile(size, 2), size)


CONVERSIONS: Mapping[BoxFormat, Callable[[Array, Array], Array]] = {
    "xywh": _xywh, "xyxy": _xyxy, "cxcywh": _cxcywh, "yolo": _yolo
}  # fmt: skip


@ANY_NUMBERS
def to_pixels(box: Box, box_format: BoxFormat, size: Size) -> Array:
    """Return (4,) x, y, width, height in px."""
    return CONVERSIONS[box_format](np.array(box.numbers, np.float64), np.array(size, np.float64))


def _fault_of(box: Array, size: Size) -> str:
    """Return why x, y, width, height cannot be a person's box in an image of this size; "" if they can."""
    whole = np.array(size, np.float64)
    if (box[2:] <= 0).any():
        return "has no size: its width and height must be above 0 px"
    inside = np.minimum(whole, box[:2] + box[2:]) - np.maximum(box[:2], 0)
    if (inside <= 0).any():
        return f"lies outside the image of {size[0]}x{size[1]} px"
    if (box[2:] > MAX_SIZE * whole).any():
        return f"is far larger than the image of {size[0]}x{size[1]} px"
    if inside.prod() < MIN_VISIBLE * box[2:].prod():
        return f"lies mostly outside the image of {size[0]}x{size[1]} px"
    if (inside < MIN_PX).any():
        return f"is less than {MIN_PX} px wide or high within the image of {size[0]}x{size[1]} px"
    return ""


@dataclass(frozen=True)
class FormatDoubt:
    """The reason why boxes are likely not in a format.

    shown: one of the boxes and its fault. likely: the formats in which the boxes fit.
    """

    shown: str
    likely: tuple[BoxFormat, ...]


@ANY_NUMBERS
def doubt_format(boxes: Sequence[tuple[Box, Size]], box_format: BoxFormat) -> FormatDoubt | None:
    """Return why boxes are likely in another format; None for plausible boxes.

    They are if many of them extend beyond their images and fit in another format, or if none can be used.

    Args:
        boxes: each with the size of its image.
    """
    mismatches = [pair for pair in boxes if not _fits(*pair, box_format)]
    fraction = len(mismatches) / max(len(boxes), 1)
    if fraction < FEW_MISMATCHES:
        return None
    required = 1.0 if fraction < MANY_MISMATCHES else MOST_FIT
    fitting = {other: sum(_fits(*pair, other) for pair in boxes) / len(boxes) for other in BOX_FORMATS}
    likely = tuple(other for other in BOX_FORMATS if other != box_format and fitting[other] >= required)
    if "xywh" not in likely and all(_reversed_sides(box, box_format) for box, _ in mismatches):
        likely = ()  # corners in the wrong order only fit as a center and a size by chance
    if likely:
        box, size = mismatches[0]
        return FormatDoubt(_shown(box, box_format, size), likely)
    if _has_usable(boxes, box_format):
        return None
    shown = _shown(boxes[0][0], box_format, boxes[0][1])
    others = f", and none of the other {len(boxes) - 1} can be used" if len(boxes) > 1 else ""
    return FormatDoubt(shown + others, ())


@ANY_NUMBERS
def fault_in(box: Box, box_format: BoxFormat, size: Size) -> str:
    """Return why a box cannot be a person's in an image of this size; "" if it can."""
    if sides := _reversed_sides(box, box_format):
        return f"has no size: {sides}, so a minimum is larger than its maximum"
    return _fault_of(to_pixels(box, box_format, size), size)


def _reversed_sides(box: Box, box_format: BoxFormat) -> str:
    if box_format != "xyxy":
        return ""
    left, top, right, bottom = box.numbers
    sides = [f"left {left:g} is larger than right {right:g}"] * (left > right)
    return " and ".join([*sides, *[f"top {top:g} is larger than bottom {bottom:g}"] * (top > bottom)])


def check_format(
    boxes: Sequence[tuple[Box, Size]], box_format: BoxFormat, source: str, *, is_stated: bool
) -> None:
    """Check that boxes are plausible in their format.

    Args:
        boxes: each with the size of its image.
        is_stated: whether the user set the format. Boxes are then rejected only if none can be used.

    Raises:
        InputError: the boxes are likely in another format, or none can be used.
    """
    doubt = doubt_format(boxes, box_format)
    if doubt is None or (is_stated and _has_usable(boxes, box_format)):
        return
    advice = _advice(doubt.likely, box_format) if doubt.likely else _advice_without_format(boxes, box_format)
    raise InputError(f"{source}: {doubt.shown}; {advice}")


def _has_usable(boxes: Sequence[tuple[Box, Size]], box_format: BoxFormat) -> bool:
    return any(not fault_in(box, box_format, size) for box, size in boxes)


def _advice_without_format(boxes: Sequence[tuple[Box, Size]], box_format: BoxFormat) -> str:
    if _reversed_sides(boxes[0][0], box_format):
        return "write the minimum before the maximum"
    choices = "|".join(BOX_FORMATS)
    return f"use the boxes of these images, or set their format with `box_format={choices}`"


def _advice(likely: Sequence[BoxFormat], box_format: BoxFormat) -> str:
    choices = " or ".join(f"`box_format={other}` ({MEANINGS[other]})" for other in likely)
    return (
        f"the boxes fit as {' and '.join(likely)}; add {choices}, or `box_format={box_format}` if it is right"
    )


def _shown(box: Box, box_format: BoxFormat, size: Size) -> str:
    pixels = to_pixels(box, box_format, size)
    fault = fault_in(box, box_format, size)
    right, bottom = (pixels[:2] + pixels[2:]).tolist()
    what = fault or f"extends to {right:g}, {bottom:g} in the image of {size[0]}x{size[1]} px"
    return f"{box.where}: the box {format_box(np.array(box.numbers))} as {MEANINGS[box_format]} {what}"


def _fits(box: Box, size: Size, box_format: BoxFormat) -> bool:
    numbers = np.abs(box.numbers)
    if (box_format == "yolo") != bool((numbers <= MAX_NORMALIZED).all()):
        return False
    pixels, whole = to_pixels(box, box_format, size), np.array(size, np.float64)
    low, high = pixels[:2], pixels[:2] + pixels[2:]
    is_inside = (low >= -MARGIN * whole).all() and (high <= (1 + MARGIN) * whole).all()
    return bool((pixels[2:] > 0).all() and is_inside)
