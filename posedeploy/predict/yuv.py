"""Pictures in YUV 4:2:0: copies of decoded frames in which only the drawn parts are converted from BGR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from posedeploy.poses.draw import Region
from posedeploy.types import Array

if TYPE_CHECKING:
    import av

FULL_RANGE = 2
"""FFmpeg's AVCOL_RANGE_JPEG."""


@dataclass(frozen=True)
class ColorMatrix:
    """A conversion between RGB and YUV of limited range.

    code: FFmpeg's AVColorSpace. name: swscale's name of it. red, blue: their weights in the luma.
    """

    code: int
    name: str
    red: float
    blue: float

    @cached_property
    def from_bgr(self) -> Array:
        """(3, 4) float64: the rows are Y, U and V, the columns B, G, R and the offset."""
        luma = np.array([self.blue, 1 - self.red - self.blue, self.red])
        u, v = ((np.eye(3)[channel] - luma) / (1 - luma[channel]) for channel in (0, 2))
        scaled = np.array([luma * 219, u * 112, v * 112]) / 255
        return np.column_stack([scaled, [16, 128, 128]])


BT601 = ColorMatrix(6, "ITU601", 0.299, 0.114)
BT709 = ColorMatrix(1, "ITU709", 0.2126, 0.0722)
MATRICES = {1: BT709, 2: BT601, 5: BT601, 6: BT601}
"""The matrix with which swscale converts a frame to BGR, by its AVColorSpace; 2 is unspecified."""


def matrix_of(frame: av.VideoFrame) -> ColorMatrix | None:
    """Return the color matrix of a frame in YUV 4:2:0 of limited range; None if it is in another format."""
    is_420 = frame.format.name == "yuv420p" and frame.color_range != FULL_RANGE
    if not is_420 or frame.interlaced_frame or frame.width % 2 or frame.height % 2:
        return None
    return MATRICES.get(frame.colorspace)


def copy_with_parts(
    frame: av.VideoFrame, picture: Array, parts: Sequence[Region], matrix: ColorMatrix
) -> av.VideoFrame:
    """Return a copy of a decoded frame in which these parts are those of a picture of the same size.

    Args:
        frame: in YUV 4:2:0 with this matrix. picture: (H, W, 3) uint8 BGR.
    """
    copied = type(frame)(frame.width, frame.height, "yuv420p")
    planes = _planes(copied)
    for plane, source in zip(planes, _planes(frame), strict=True):
        plane[...] = source
    for part in _choose_parts(parts, frame.width, frame.height):
        _convert(picture, part, planes, matrix.from_bgr)
    return copied


def _choose_parts(parts: Sequence[Region], width: int, height: int) -> list[Region]:
    """Return the parts clipped to the picture, from even to even pixels; the whole picture if it is less."""
    chosen = []
    for left, top, right, bottom in parts:
        left, top = max(0, left) // 2 * 2, max(0, top) // 2 * 2
        right, bottom = min(width, right + right % 2), min(height, bottom + bottom % 2)
        if left < right and top < bottom:
            chosen.append((left, top, right, bottom))
    area = sum((right - left) * (bottom - top) for left, top, right, bottom in chosen)
    return chosen if area < width * height else [(0, 0, width, height)]


def _convert(picture: Array, part: Region, planes: Sequence[Array], from_bgr: Array) -> None:
    """Write one part of a picture into the planes. A chroma value is that of the mean of four pixels."""
    left, top, right, bottom = part
    pixels = picture[top:bottom, left:right]
    halved = cv2.resize(pixels, ((right - left) // 2, (bottom - top) // 2), interpolation=cv2.INTER_AREA)
    half = np.s_[top // 2 : bottom // 2, left // 2 : right // 2]
    # OpenCV's code for three channels in and out is ten times as fast as that for other numbers.
    cv2.extractChannel(cv2.transform(pixels, from_bgr), 0, planes[0][top:bottom, left:right])
    chroma = cv2.transform(halved, from_bgr)
    cv2.extractChannel(chroma, 1, planes[1][half])
    cv2.extractChannel(chroma, 2, planes[2][half])


def _planes(frame: av.VideoFrame) -> list[Array]:
    """Return the (H, W) luma and the two (H/2, W/2) chroma planes of a frame, in its own memory."""
    return [_view(plane) for plane in frame.planes]


def _view(plane: Any) -> Array:
    rows: Array = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
