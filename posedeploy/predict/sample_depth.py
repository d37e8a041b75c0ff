"""Convert samples of any bit depth to 8 bits."""

from __future__ import annotations

import numpy as np

from posedeploy.predict.image_headers import ImageHeader
from posedeploy.types import Array

DEPTHS = (8, 10, 12, 14, 16, 24, 32)
"""Bit depths of cameras, scanners and video."""
MAX_UNIT_VALUE = 2.0
"""Floats up to this value are read as 0 to 1, as highlights exceed 1."""


def to_8_bits(pixels: Array, header: ImageHeader) -> tuple[Array, str | None]:
    """Scale (H, W, C) samples to uint8; return them with a remark if the file does not define the scale.

    A 16-bit file may contain the 10, 12 or 14 bits of a sensor. The scale is the smallest of ``DEPTHS`` that
    holds both the largest sample and the largest value that the file declares.
    """
    if pixels.dtype.kind == "f":
        return _from_floats(pixels)
    largest = int(pixels.max(initial=0))
    if pixels.dtype.kind == "i":
        pixels = np.maximum(pixels, 0)
    if header.white is not None and header.format in ("PNM", "PAM"):
        return _scale(pixels, max(header.white, largest), header.is_inverted), None
    depth = next((depth for depth in DEPTHS if max(largest, header.white or 0) < 1 << depth), DEPTHS[-1])
    remark = None
    if depth != header.bits and header.white != 65535:
        remark = f"{header.bits}-bit samples with a maximum of {largest} are read as {depth}-bit samples"
    return _scale(pixels, (1 << depth) - 1, header.is_inverted), remark


def _scale(pixels: Array, white: int, is_inverted: bool) -> Array:
    """Scale integers from 0 to ``white``; the lowest bits are cut off, as in libpng and OpenCV."""
    if is_inverted:
        pixels = white - np.minimum(pixels, white)
    extra = white.bit_length() - 8
    if white == (1 << white.bit_length()) - 1 and extra >= 0:
        return (pixels >> extra).astype(np.uint8)
    scaled: Array = np.rint(pixels * (255 / white)).astype(np.uint8)
    return scaled


def _from_floats(pixels: Array) -> tuple[Array, str | None]:
    finite = np.isfinite(pixels)
    missing = int(pixels.size - np.count_nonzero(finite))
    if missing:
        pixels = np.where(finite, pixels, 0)
    largest = float(pixels.max(initial=0))
    white = 1.0
    if largest > MAX_UNIT_VALUE:
        white = float((1 << next((depth for depth in DEPTHS if largest < 1 << depth), 32)) - 1)
    remark = f"float samples with a maximum of {largest:g} are read as 0 to {white:.0f}"
    if missing:
        remark += f", and the {missing:,} of {pixels.size:,} that are not finite as black"
    with np.errstate(over="ignore"):  # an overflow to infinity is clipped to white
        return np.rint(np.clip(pixels * (255 / white), 0, 255)).astype(np.uint8), remark
