"""Samples of any depth become 8 bits: one rule for every image that is read."""

from __future__ import annotations

import numpy as np

from posedeploy.predict.image_headers import Header
from posedeploy.types import Array

DEPTHS = (8, 10, 12, 14, 16, 24, 32)
"""Bits that cameras, scanners and video give a sample."""
UNIT_RANGE = 2.0
"""Floats up to this are taken as 0 to 1, a little over white included."""


def to_8_bits(pixels: Array, header: Header) -> tuple[Array, str | None]:
    """Scale (H, W, C) samples to uint8, and say how, where the file leaves that open.

    A file of 16 bits may hold 10, 12 or 14 that a sensor gave. The samples are scaled by the least of
    ``DEPTHS`` that holds both the largest of them and the largest that the file declares.
    """
    if pixels.dtype.kind == "f":
        return _from_floats(pixels)
    largest = int(pixels.max(initial=0))
    if pixels.dtype.kind == "i":
        pixels = np.maximum(pixels, 0)
    if header.white is not None and header.format in ("PNM", "PAM"):
        return _scaled(pixels, max(header.white, largest), header.is_inverted), None
    depth = next((depth for depth in DEPTHS if max(largest, header.white or 0) < 1 << depth), DEPTHS[-1])
    remark = None
    if depth != header.bits and header.white != 65535:
        remark = f"a file of {header.bits} bits whose values reach {largest}: read as {depth} bits"
    return _scaled(pixels, (1 << depth) - 1, header.is_inverted), remark


def _scaled(pixels: Array, white: int, is_inverted: bool) -> Array:
    """Whole numbers from 0 to ``white``; those of more bits lose their last ones, as libpng and OpenCV do."""
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
    if largest <= UNIT_RANGE:
        white, named = 1.0, "0 to 1"
    else:
        white = float((1 << next((depth for depth in DEPTHS if largest < 1 << depth), 32)) - 1)
        named = f"0 to {white:.0f}"
    remark = f"floats that reach {largest:g}: read as {named}"
    if missing:
        remark += f", and {missing:,} of {pixels.size:,} that are not finite as black"
    with np.errstate(over="ignore"):  # what becomes infinite is white
        return np.rint(np.clip(pixels * (255 / white), 0, 255)).astype(np.uint8), remark
