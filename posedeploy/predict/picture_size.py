"""Fit pictures to the size of the written video."""

from __future__ import annotations

import cv2

from posedeploy.types import Array


def is_padding(picture: Array, size: tuple[int, int]) -> bool:
    """Return whether a picture lacks at most one row and one column of (width, height)."""
    height, width = picture.shape[:2]
    return size[0] - width in (0, 1) and size[1] - height in (0, 1)


def fit_picture(picture: Array, size: tuple[int, int]) -> Array:
    """Return the picture in (width, height).

    The last row and column are repeated if that is enough. Otherwise the picture is scaled and centered on
    black.
    """
    height, width = picture.shape[:2]
    right, below = size[0] - width, size[1] - height
    if right == 0 and below == 0:
        return picture
    if is_padding(picture, size):
        return cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
    scale = min(size[0] / width, size[1] / height)
    scaled = (max(1, round(width * scale)), max(1, round(height * scale)))
    smaller = cv2.resize(picture, scaled, interpolation=cv2.INTER_AREA)
    right, below = size[0] - scaled[0], size[1] - scaled[1]
    return cv2.copyMakeBorder(
        smaller, below // 2, below - below // 2, right // 2, right - right // 2, cv2.BORDER_CONSTANT
    )


def describe_scaled_frames(name: str, count: int) -> list[str]:
    """Return a remark on the frames that were scaled; an empty list if there are none."""
    if not count:
        return []
    return [
        f"{name}: {count} frames differ in size from the first one and are scaled to its size in this video"
    ]
