"""Decode HEIC, which OpenCV does not read."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pillow_heif

from posedeploy.errors import first_line
from posedeploy.types import Array


def decode_heic(content: bytes) -> Array:
    """Return (H, W, 3) uint8 BGR of the primary image, turned as its boxes define.

    Raises:
        ValueError: the image is damaged, or libheif cannot decode it.
        MemoryError: the image does not fit in memory.
    """
    try:
        pixels = np.asarray(pillow_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=True))
    except MemoryError:
        raise
    except Exception as error:  # damaged files raise EOFError, IndexError, SyntaxError, RuntimeError, ...
        raise ValueError(f"{type(error).__name__}: {first_line(error)}") from error
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    return cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2BGR)
