"""What JPEG leaves of an image."""

from __future__ import annotations

import cv2

from posedeploy.types import Array


def compressed(image: Array, quality: int) -> Array:
    """The (H, W, 3) uint8 image, written as JPEG at a quality of 1 to 100 and read again."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None  # it was just encoded
    return decoded
