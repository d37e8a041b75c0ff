"""Crop a person's box to the network's input."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, InputContract

AFFINE_FITS = ("affine", "affine-udp")
BOX_FITS = ("box", "center", *AFFINE_FITS)
"""Values of ``InputContract.fit`` of networks whose input is one person's box instead of the whole image."""


@dataclass(frozen=True)
class CropRegion:
    """A rectangle that may extend beyond the image: center and size, x and y, in px."""

    center: tuple[float, float]
    size: tuple[float, float]


def find_region(
    contract: InputContract, image: Array, box: Array | None, input_size: tuple[int, int]
) -> CropRegion:
    """Return the region of a (H, W, 3) image that fills an input of (width, height) px.

    Args:
        box: (4,) x, y, width, height of the person in px; None for the whole image.

    Raises:
        InputError: the box is invalid, or lies outside the image.
    """
    height, width = image.shape[:2]
    if box is None and contract.fit == "center":
        return _widen(CropRegion((width / 2, height / 2), (width, height)), input_size, 1.0)
    whole = np.array([0.0, 0.0, width, height])
    take = check_box if contract.fit in AFFINE_FITS else clip_box
    x, y, w, h = take(whole if box is None else box, width, height).tolist()
    return _widen(CropRegion((x + w / 2, y + h / 2), (w, h)), input_size, contract.margin)


def check_box(box: Array, width: int, height: int) -> Array:
    """Return the (4,) box in float64, unchanged.

    Raises:
        InputError: the box is not 4 finite numbers, has no size, or lies outside the image.
    """
    numbers = np.asarray(box, np.float64)
    if numbers.shape != (4,) or not np.isfinite(numbers).all():
        raise InputError(
            f"the box {format_box(numbers)} is not x, y, width, height: four finite numbers, in px"
        )
    if (numbers[2:] <= 0).any():
        raise InputError(
            f"the box {format_box(numbers)} has no size: its width and height must be above 0 px"
        )
    last, extent = np.array([width - 1, height - 1]), np.maximum(numbers[2:] - 1, 0)
    if (numbers[:2] > last).any() or (extent < -numbers[:2]).any():
        raise InputError(
            f"the box {format_box(numbers)} (x, y, width, height) lies outside the image of "
            f"{width}x{height} px"
        )
    return numbers


def clip_box(box: Array, width: int, height: int) -> Array:
    """Return the (4,) float64 part of a box inside an image, from its first to its last pixel.

    As published, a box of the pixels 10 to 19 is 9 wide here and 10 in COCO. A box that begins before the
    image is moved into it and keeps its size if it fits.

    Raises:
        InputError: as in ``check_box``, or the part is less than 2 px wide or high.
    """
    numbers = check_box(box, width, height)
    low = np.maximum(numbers[:2], 0)
    high = np.minimum(np.array([width - 1, height - 1]), low + np.maximum(numbers[2:] - 1, 0))
    if (high == low).any():
        raise InputError(
            f"the box {format_box(numbers)} (x, y, width, height) is less than 2 px wide or high in the "
            f"image of {width}x{height} px"
        )
    return np.concatenate([low, high - low])


def format_box(box: Array) -> str:
    """Format the numbers of a box for a message."""
    return "[" + ", ".join(f"{value:g}" for value in np.asarray(box, np.float64).ravel().tolist()) + "]"


def find_transform(part: CropRegion, input_size: tuple[int, int]) -> Array:
    """Return the (2, 3) transform from px of the image to px of the input, which the region fills.

    As published, it is computed from the center and the midpoints of the lower and right edges in float32,
    whose rounding changes single pixels by a gray level.
    """
    center = np.array(part.center, np.float32)
    half = np.array(part.size, np.float32) * np.float32(0.5)
    middle = np.array(input_size, np.float32) * np.float32(0.5)
    towards = np.array([(0, 0), (0, 1), (1, 0)], np.float32)
    matrix: Array = cv2.getAffineTransform(center + towards * half, middle + towards * middle)
    return matrix


def find_mmpose_transform(part: CropRegion, input_size: tuple[int, int], *, udp: bool) -> Array:
    """Return the transform of ``find_transform`` as in MMPose, in float64.

    Args:
        udp: align the centers of the outermost pixels instead of the edges (Huang et al., "The Devil is in
            the Details", arXiv:1911.07524). The scales of the two axes then differ.
    """
    center, size = np.array(part.center), np.array(part.size)
    extent = np.array(input_size) - (1 if udp else 0)
    scale = extent / size
    return np.concatenate([np.diag(scale), (extent / 2 - center * scale)[:, None]], axis=1)


def warp(image: Array, matrix: Array, input_size: tuple[int, int]) -> Array:
    """Return the (height, width, 3) uint8 image transformed by ``matrix``, bilinear, black outside."""
    warped: Array = cv2.warpAffine(image, matrix, input_size, flags=cv2.INTER_LINEAR)
    return warped


def _widen(part: CropRegion, input_size: tuple[int, int], margin: float) -> CropRegion:
    """Return the region widened along one axis to the input's aspect ratio, then scaled by ``margin``."""
    aspect = input_size[0] / input_size[1]
    width, height = part.size
    width, height = max(width, height * aspect), max(height, width / aspect)
    return CropRegion(part.center, (width * margin, height * margin))
