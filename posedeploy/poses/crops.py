"""A person's box becomes the network's whole input: which part of the image is cut out, and how."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, InputContract

CROPPING = ("box", "center")
"""The ``fit`` of contracts whose input is one person's box, and not the whole image."""


@dataclass(frozen=True)
class Region:
    """A rectangle of the image, which may reach beyond it: its center and size, x and y, in px."""

    center: tuple[float, float]
    size: tuple[float, float]


def region(contract: InputContract, image: Array, box: Array | None, input_size: tuple[int, int]) -> Region:
    """What of a (H, W, 3) image fills an input of (width, height) px.

    Args:
        box: (4,) x, y, width, height of the person in px; None for the whole image.

    Raises:
        InputError: the box is no box, or nothing of it lies in the image.
    """
    height, width = image.shape[:2]
    if box is None and contract.fit == "center":
        return _widened(Region((width / 2, height / 2), (width, height)), input_size, 1.0)
    x, y, w, h = clipped(np.array([0.0, 0.0, width, height]) if box is None else box, width, height).tolist()
    return _widened(Region((x + w / 2, y + h / 2), (w, h)), input_size, contract.margin)


def clipped(box: Array, width: int, height: int) -> Array:
    """(4,) the part of a box within an image, in float64, as published: from its first to its last pixel.

    A box of the pixels 10 to 19 is 10 wide in COCO's way of counting and 9 here. One that begins before the
    image keeps its size where the image has room for it: its first pixel is moved in, and with it its last.

    Raises:
        InputError: the box is not 4 finite numbers, has no size, or lies outside the image.
    """
    found = np.asarray(box, np.float64)
    if found.shape != (4,) or not np.isfinite(found).all():
        raise InputError(f"the box {listed(found)} is not x, y, width, height: four finite numbers, in px")
    last, reach = np.array([width - 1, height - 1]), np.maximum(found[2:] - 1, 0)
    low = np.maximum(found[:2], 0)
    if (found[2:] <= 0).any():
        raise InputError(f"the box {listed(found)} has no size: its width and height must be above 0 px")
    if (low > last).any() or (reach < -found[:2]).any():
        raise InputError(
            f"the box {listed(found)} (x, y, width, height) lies outside the image of {width}x{height} px"
        )
    high = np.minimum(last, low + reach)
    if (high == low).any():
        raise InputError(
            f"the box {listed(found)} (x, y, width, height) is less than 2 px wide or high within the image "
            f"of {width}x{height} px: too little to find a person in"
        )
    return np.concatenate([low, high - low])


def listed(box: Array) -> str:
    """A box's numbers for people."""
    return "[" + ", ".join(f"{value:g}" for value in np.asarray(box, np.float64).ravel().tolist()) + "]"


def affine(part: Region, input_size: tuple[int, int]) -> Array:
    """(2, 3) from px of the image to px of the input, which the region fills.

    From its center and the middles of its lower and right edges as float32, as published: their rounding
    moves the odd pixel by a gray level.
    """
    center = np.array(part.center, np.float32)
    half = np.array(part.size, np.float32) * np.float32(0.5)
    middle = np.array(input_size, np.float32) * np.float32(0.5)
    towards = np.array([(0, 0), (0, 1), (1, 0)], np.float32)
    matrix: Array = cv2.getAffineTransform(center + towards * half, middle + towards * middle)
    return matrix


def cut_out(image: Array, matrix: Array, input_size: tuple[int, int]) -> Array:
    """(height, width, 3) uint8: the image through an ``affine``, bilinear; black where there is no image."""
    cut: Array = cv2.warpAffine(image, matrix, input_size, flags=cv2.INTER_LINEAR)
    return cut


def _widened(part: Region, input_size: tuple[int, int], margin: float) -> Region:
    """The region widened along one axis to the input's aspect, then ``margin`` times as large."""
    aspect = input_size[0] / input_size[1]
    width, height = part.size
    width, height = max(width, height * aspect), max(height, width / aspect)
    return Region(part.center, (width * margin, height * margin))
