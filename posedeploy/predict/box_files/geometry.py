"""Boxes in px of an image: converted, and held against its size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.crops import listed
from posedeploy.predict.box_files.content import BOX_FORMATS, MEANINGS, Box, BoxFormat, Size
from posedeploy.types import Array

MIN_VISIBLE = 0.5
"""Of a box's area, within the image."""
MAX_SIZE = 1.5
"""Of a box's sides, over those of the image."""
MARGIN = 0.05
"""How far a box may reach beyond the image, over its side, before its format is doubted."""
DOUBTFUL, MOST_UNFIT, MOST_FIT = 0.2, 0.5, 0.75
"""Shares of boxes: from the first on that reach beyond, another format that fits all of them is likelier;
from the second on, one that fits the third."""
MIN_PX = 2
NORMALIZED = 1.01


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


def converted(box: Box, box_format: BoxFormat, size: Size) -> Array:
    """Return (4,) x, y, width, height in px."""
    return CONVERSIONS[box_format](np.array(box.numbers, np.float64), np.array(size, np.float64))


def fault_of(box: Array, size: Size) -> str:
    """Return why x, y, width, height cannot be a person's in an image of this size; nothing where they
    can."""
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


def check_format(
    boxes: Sequence[tuple[Box, Size]], box_format: BoxFormat, source: str, *, is_stated: bool
) -> None:
    """Refuse boxes that are likely written in another format.

    Args:
        boxes: with the size of the image of each.
        is_stated: whether the user says the format: then only boxes of which none can be used are refused.

    Raises:
        InputError: most of them reach beyond their images and another format fits, or none can be used.
    """
    if not boxes:
        return
    unfit = [pair for pair in boxes if not _fits(*pair, box_format)]
    unusable = [pair for pair in boxes if fault_of(converted(pair[0], box_format, pair[1]), pair[1])]
    share = len(unfit) / len(boxes)
    if share < DOUBTFUL or (is_stated and len(unusable) < len(boxes)):
        return
    needed = 1.0 if share < MOST_UNFIT else MOST_FIT
    fitting = {other: sum(_fits(*pair, other) for pair in boxes) / len(boxes) for other in BOX_FORMATS}
    likely = [other for other in BOX_FORMATS if other != box_format and fitting[other] >= needed]
    if likely:
        box, size = unfit[0]
        raise InputError(f"{source}: {_shown(box, box_format, size)}; {_advice(likely, box_format)}")
    if len(unusable) == len(boxes):
        shown = _shown(unusable[0][0], box_format, unusable[0][1])
        others = f", and none of the other {len(boxes) - 1} can be used" if len(boxes) > 1 else ""
        raise InputError(
            f"{source}: {shown}{others}; give boxes of these images, or say how they are written with "
            f"--box-format {'|'.join(BOX_FORMATS)}"
        )


def _advice(likely: Sequence[BoxFormat], box_format: BoxFormat) -> str:
    choices = " or ".join(f"--box-format {other} ({MEANINGS[other]})" for other in likely)
    return (
        f"the boxes fit as {' and '.join(likely)}: add {choices}, or --box-format {box_format} if it is right"
    )


def _shown(box: Box, box_format: BoxFormat, size: Size) -> str:
    found = converted(box, box_format, size)
    fault = fault_of(found, size)
    right, bottom = (found[:2] + found[2:]).tolist()
    what = fault or f"reaches to {right:g}, {bottom:g} in the image of {size[0]}x{size[1]} px"
    return f"{box.where}: the box {listed(np.array(box.numbers))} as {MEANINGS[box_format]} {what}"


def _fits(box: Box, size: Size, box_format: BoxFormat) -> bool:
    numbers = np.abs(box.numbers)
    if (box_format == "yolo") != bool((numbers <= NORMALIZED).all()):
        return False
    found, whole = converted(box, box_format, size), np.array(size, np.float64)
    within = (found[:2] >= -MARGIN * whole).all() and (found[:2] + found[2:] <= (1 + MARGIN) * whole).all()
    return bool((found[2:] > 0).all() and within)
