"""A picture in the size of the video that it is written into."""

from __future__ import annotations

import cv2

from posedeploy.types import Array


def is_padding(picture: Array, size: tuple[int, int]) -> bool:
    """Whether a picture becomes (width, height) by a row and a column more at most."""
    height, width = picture.shape[:2]
    return size[0] - width in (0, 1) and size[1] - height in (0, 1)


def fit_picture(picture: Array, size: tuple[int, int]) -> Array:
    """The picture in (width, height): its last row and column repeated where that is enough, otherwise scaled
    and centered on black."""
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


def scaled_frames(name: str, count: int) -> list[str]:
    """What the user should know of a video whose frames changed their size."""
    if not count:
        return []
    return [
        f"{name}: {count} frames have another size than the first one, and are scaled to it in this video"
    ]
