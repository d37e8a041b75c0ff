"""The loss of JPEG compression."""

from __future__ import annotations

import cv2

from posedeploy.types import Array


def round_trip_jpeg(image: Array, quality: int) -> Array:
    """Encode a (H, W, 3) uint8 image as JPEG of quality 1 to 100 and decode it."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded
