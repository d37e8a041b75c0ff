"""Draw poses over their image."""

from __future__ import annotations

import math

import cv2
import numpy as np

from posedeploy.types import Array, Poses

Color = tuple[int, int, int]
Skeleton = tuple[tuple[int, int], ...]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in px."""
Region = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of an image, in px; the last two are outside. A part may be empty or
extend beyond the image."""

# BGR. Neighbors in the list are far apart in hue, and all stand out from snow, grass, wood and asphalt.
PALETTE: tuple[Color, ...] = (
    (255, 178, 56), (72, 106, 255), (96, 205, 72), (226, 96, 214),
    (48, 190, 255), (206, 200, 40), (148, 112, 255), (236, 120, 96),
)  # fmt: skip
DARK: Color = (38, 30, 26)
WHITE: Color = (255, 255, 255)
FONT = cv2.FONT_HERSHEY_SIMPLEX
SHIFT = 3
"""Positions are drawn to 1/8 px."""
MARGIN = 4
"""Distance from the keypoints to the box around them, in units of the drawing."""


def draw_poses(image: Array, poses: Poses, skeleton: Skeleton) -> Array:
    """Return a copy of a (H, W, 3) uint8 BGR image with the people's skeletons and labeled boxes.

    A person's color depends on the id, or on the index if there are no ids. The label is id and score.
    """
    drawn = np.ascontiguousarray(image).copy()
    draw_poses_into(drawn, poses, skeleton)
    return drawn


def draw_poses_into(image: Array, poses: Poses, skeleton: Skeleton) -> list[Region]:
    """Draw as ``draw_poses`` into a contiguous image, and return the parts of it that may have changed."""
    height, width = image.shape[:2]
    unit = max(1.0, math.hypot(height, width) / 400)
    for person in np.argsort(poses.scores, kind="stable").tolist():
        draw_person(image, poses.keypoints[person], skeleton, color_of(poses, person), unit)
    parts: list[Region] = []
    for person, (x, y, box_width, box_height) in enumerate(poses.boxes.tolist()):
        if not math.isfinite(
            x + y + box_width + box_height
        ):  # no keypoints, or positions that are not numbers
            parts += [(0, 0, width, height)] if (poses.keypoints[person, :, 2] >= 0).any() else []
            continue
        margin = MARGIN * unit
        box = (x - margin, y - margin, x + box_width + margin, y + box_height + margin)
        thickness = 1 + max(1, round(unit * 0.8))
        parts.append(_round_out(box, thickness))
        parts += _draw_box(image, box, thickness, _label(poses, person), color_of(poses, person), unit)
    return parts


def color_of(poses: Poses, person: int) -> Color:
    """Return the BGR color of a person: that of its id, so that it stays the same in a video."""
    number = person if poses.ids is None else int(poses.ids[person])
    return PALETTE[number % len(PALETTE)]


def draw_person(image: Array, keypoints: Array, skeleton: Skeleton, color: Color, unit: float) -> None:
    """Draw one person's (keypoints, 3) into the image: dark-edged limbs, then light joints."""
    is_visible = keypoints[:, 2] >= 0
    if not is_visible.any():
        return
    points = to_fixed_point(keypoints[:, :2])
    size = np.ptp(keypoints[is_visible, :2], axis=0).max()
    thickness = max(1, round(min(unit, float(size) / 50) * 1.25))
    limbs = [points[[a, b]] for a, b in skeleton if is_visible[a] and is_visible[b]]
    cv2.polylines(image, limbs, False, DARK, thickness + max(2, thickness), cv2.LINE_AA, SHIFT)
    cv2.polylines(image, limbs, False, color, thickness, cv2.LINE_AA, SHIFT)
    radius = round((thickness * 0.9 + 0.8) * 2**SHIFT)
    light = tuple((value + 3 * 255) // 4 for value in color)
    for x, y in points[is_visible].tolist():
        cv2.circle(image, (x, y), radius + 2**SHIFT, DARK, -1, cv2.LINE_AA, SHIFT)
        cv2.circle(image, (x, y), radius, light, -1, cv2.LINE_AA, SHIFT)


def to_fixed_point(points: Array) -> Array:
    """Return positions as OpenCV's fixed-point integers, clipped to avoid an overflow."""
    integers: Array = np.rint(np.clip(points, -(2**14), 2**14) * 2**SHIFT).astype(np.int32)
    return integers


def put_text(image: Array, text: str, at: tuple[int, int], scale: float, color: Color) -> None:
    """Write a text with its lower left corner at a position."""
    cv2.putText(image, text, at, FONT, scale, color, _weight(scale), cv2.LINE_AA)


def text_size(text: str, scale: float) -> tuple[int, int, int]:
    """Return the width of a text, and its height above and below the baseline, in px."""
    (width, height), below = cv2.getTextSize(text, FONT, scale, _weight(scale))
    return width, height, below


def _weight(scale: float) -> int:
    return max(1, round(scale * 1.6))


def _label(poses: Poses, person: int) -> str:
    score = f"{poses.scores[person]:.1f}"
    return score if poses.ids is None or poses.ids[person] < 0 else f"#{int(poses.ids[person])}  {score}"


def _round_out(box: Box, thickness: int) -> Region:
    """Return the pixels of a box with those that lines of this thickness along it and their edges cover."""
    padding = thickness // 2 + 2
    left, top, right, bottom = (min(max(value, -(2.0**14)), 2.0**14) for value in box)
    return (
        math.floor(left) - padding,
        math.floor(top) - padding,
        math.ceil(right) + padding + 1,
        math.ceil(bottom) + padding + 1,
    )


def _draw_box(image: Array, box: Box, thickness: int, label: str, color: Color, unit: float) -> list[Region]:
    """Draw the corners of a box and its label, and return the part with the label."""
    height, width = image.shape[:2]
    left, top = max(round(box[0]), 0), max(round(box[1]), 0)
    right, bottom = min(round(box[2]), width - 1), min(round(box[3]), height - 1)
    if right <= left or bottom <= top:
        return []
    _draw_corners(image, (left, top, right, bottom), color, thickness)
    scale = 0.2 + 0.13 * unit
    text_width, text_height, below = text_size(label, scale)
    pad = max(2, round(unit * 1.5))
    label_width, label_height = text_width + 3 * pad, text_height + below + pad
    left = min(left, max(0, width - label_width))
    top = min(max(top - label_height, 0), max(0, height - label_height))
    end = (left + label_width, top + label_height)
    cv2.rectangle(image, (left, top), end, DARK, -1)
    cv2.rectangle(image, (left, top), (left + pad - 1, end[1]), color, -1)
    put_text(image, label, (left + 2 * pad, top + text_height + pad // 2 + below // 2), scale, WHITE)
    return [(left, top, end[0] + 1, end[1] + 1)]


def _draw_corners(image: Array, box: Region, color: Color, thickness: int) -> None:
    """Draw only the corners of a box, so that its edges do not cover the person.

    The lines are upright and lie on whole pixels, so they need no anti-aliasing, which takes ten times as
    long.
    """
    left, top, right, bottom = box
    across, down = (
        min((high - low) // 4, 10 * thickness + 4) for low, high in ((left, right), (top, bottom))
    )
    before = thickness // 2
    after = thickness - 1 - before
    bars = []
    for x, arm_x in ((left, across), (right, -across)):
        for y, arm_y in ((top, down), (bottom, -down)):
            bars.append((min(x, x + arm_x) - before, y - before, max(x, x + arm_x) + after, y + after))
            bars.append((x - before, min(y, y + arm_y) - before, x + after, max(y, y + arm_y) + after))
    for border, paint in ((1, DARK), (0, color)):
        for x0, y0, x1, y1 in bars:
            cv2.rectangle(image, (x0 - border, y0 - border), (x1 + border, y1 + border), paint, -1)
