"""Draw poses over their image."""

from __future__ import annotations

import cv2
import numpy as np

from posedeploy.types import Array, Poses

Color = tuple[int, int, int]
Skeleton = tuple[tuple[int, int], ...]

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


def draw_poses(image: Array, poses: Poses, skeleton: Skeleton) -> Array:
    """Return a copy of a (H, W, 3) uint8 BGR image with the people's skeletons and labeled boxes.

    A person's color depends on the id, or on the index if there are no ids. The label is id and score.
    """
    drawn = np.ascontiguousarray(image).copy()
    unit = max(1.0, float(np.hypot(*image.shape[:2])) / 400)
    for person in np.argsort(poses.scores, kind="stable").tolist():
        draw_person(drawn, poses.keypoints[person], skeleton, color_of(poses, person), unit)
    for person, box in enumerate(poses.boxes):
        if np.isfinite(box).all():
            _draw_box(drawn, box, _label(poses, person), color_of(poses, person), unit)
    return drawn


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


def _draw_box(image: Array, box: Array, label: str, color: Color, unit: float) -> None:
    height, width = image.shape[:2]
    margin = 4 * unit
    low = np.maximum(box[:2] - margin, 0)
    high = np.minimum(box[:2] + box[2:] + margin, (width - 1, height - 1))
    if (high <= low).any():
        return
    _draw_corners(image, low, high, color, max(1, round(unit * 0.8)))
    scale = 0.2 + 0.13 * unit
    text_width, text_height, below = text_size(label, scale)
    pad = max(2, round(unit * 1.5))
    label_width, label_height = text_width + 3 * pad, text_height + below + pad
    left = int(np.clip(low[0], 0, max(0, width - label_width)))
    top = int(np.clip(low[1] - label_height, 0, max(0, height - label_height)))
    cv2.rectangle(image, (left, top), (left + label_width, top + label_height), DARK, -1)
    cv2.rectangle(image, (left, top), (left + pad - 1, top + label_height), color, -1)
    put_text(image, label, (left + 2 * pad, top + text_height + pad // 2 + below // 2), scale, WHITE)


def _draw_corners(image: Array, low: Array, high: Array, color: Color, thickness: int) -> None:
    """Draw only the corners of a box, so that its edges do not cover the person."""
    arm = np.minimum((high - low) / 4, 10 * thickness + 4)
    lines = []
    for corner, along in (
        (low, arm),
        (high, -arm),
        (np.array([low[0], high[1]]), arm * (1, -1)),
        (np.array([high[0], low[1]]), arm * (-1, 1)),
    ):
        lines.append(to_fixed_point(corner + np.array([(along[0], 0), (0, 0), (0, along[1])])))
    cv2.polylines(image, lines, False, DARK, thickness + 2, cv2.LINE_AA, SHIFT)
    cv2.polylines(image, lines, False, color, thickness, cv2.LINE_AA, SHIFT)
