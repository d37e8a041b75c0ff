"""What is drawn, and which figure each pixel shows."""

from __future__ import annotations

import math

import cv2
import numpy as np

from posedeploy.types import Array

SHIFT = 4
"""Corners are drawn to 1/16 px."""
CIRCLE = np.array([(math.cos(turn), math.sin(turn)) for turn in np.arange(24) * (math.tau / 24)]).round(9)
NOBODY = 0
"""The owner of pixels that show no figure."""


class Canvas:
    """An image under the brush.

    image: (H, W, 3) uint8 BGR. owners: (H, W) uint16, for each pixel the ``owner`` that was current when it
    was painted last.
    """

    def __init__(self, image: Array) -> None:
        self.image = image
        self.owners = np.zeros(image.shape[:2], np.uint16)
        self.owner = NOBODY

    def polygon(self, corners: Array, color: tuple[int, int, int]) -> None:
        """Fill a convex polygon, (n, 2) px."""
        points = np.rint(corners * (1 << SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(self.image, points, color, cv2.LINE_AA, SHIFT)
        cv2.fillConvexPoly(self.owners, points, self.owner, cv2.LINE_8, SHIFT)

    def mark(self, corners: Array, color: tuple[int, int, int]) -> None:
        """Fill a convex polygon that lies on what is there already, whose owner stays."""
        points = np.rint(corners * (1 << SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(self.image, points, color, cv2.LINE_AA, SHIFT)


def ellipse(center: Array, axes: tuple[float, float], degrees: float = 0.0) -> Array:
    """(24, 2) corners of an ellipse about ``center`` with these half axes in px."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned: Array = (CIRCLE * axes) @ np.array([[cos, sin], [-sin, cos]]) + center
    return turned


def capsule(start: Array, end: Array, start_radius: float, end_radius: float) -> Array:
    """The corners of the convex shape around two circles, in px."""
    return hull((start, end), (start_radius, end_radius))


def hull(centers: tuple[Array, ...], radii: tuple[float, ...]) -> Array:
    """The corners of the convex shape around some circles, in px."""
    points = np.concatenate([CIRCLE * radius + center for center, radius in zip(centers, radii, strict=True)])
    return outline(points)


def outline(points: Array) -> Array:
    """(n, 2) the corners of the convex shape around (m, 2) points."""
    return cv2.convexHull(points.astype(np.float32))[:, 0]


def shaded(color: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    """A color made darker or, over 1, lighter."""
    blue, green, red = (min(255, max(0, round(value * factor))) for value in color)
    return blue, green, red
