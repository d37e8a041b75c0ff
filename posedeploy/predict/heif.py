"""HEIC, the format of phones' photographs, which OpenCV does not read."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pillow_heif

from posedeploy.types import Array


def decode_heic(content: bytes) -> Array:
    """Return (H, W, 3) uint8 BGR of the primary image, turned as its boxes say.

    Raises:
        ValueError: it is damaged.
        RuntimeError: libheif cannot decode it.
    """
    image = pillow_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=True)
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    return cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2BGR)
