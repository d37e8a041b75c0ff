"""The image that is drawn, and which figure each pixel shows."""

from __future__ import annotations

import math

import cv2
import numpy as np

from posedeploy.types import Array

SHIFT = 4
"""The fractional bits of coordinates: 1/16 px."""
CIRCLE = np.array([(math.cos(turn), math.sin(turn)) for turn in np.arange(24) * (math.tau / 24)]).round(9)
NOBODY = 0
"""The owner of a pixel that shows no figure."""


class Canvas:
    """An image that is being drawn.

    image: (H, W, 3) uint8 BGR. owner: the owner of the pixels that are drawn next. owners: (H, W) uint16, the
    owner of each pixel.
    """

    def __init__(self, image: Array) -> None:
        self.image = image
        self.owners = np.zeros(image.shape[:2], np.uint16)
        self.owner = NOBODY

    def fill(self, corners: Array, color: tuple[int, int, int]) -> None:
        """Fill a convex polygon, (n, 2) px, and set the owner of its pixels."""
        points = np.rint(corners * (1 << SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(self.image, points, color, cv2.LINE_AA, SHIFT)
        cv2.fillConvexPoly(self.owners, points, self.owner, cv2.LINE_8, SHIFT)

    def mark(self, corners: Array, color: tuple[int, int, int]) -> None:
        """Fill a convex polygon, (n, 2) px, and keep the owners of its pixels."""
        points = np.rint(corners * (1 << SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(self.image, points, color, cv2.LINE_AA, SHIFT)


def ellipse(center: Array, axes: tuple[float, float], degrees: float = 0.0) -> Array:
    """Return the (24, 2) corners of an ellipse with these semi-axes in px."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners: Array = (CIRCLE * axes) @ np.array([[cos, sin], [-sin, cos]]) + center
    return corners


def capsule(start: Array, end: Array, start_radius: float, end_radius: float) -> Array:
    """Return the corners of the convex hull of two circles, in px."""
    return hull((start, end), (start_radius, end_radius))


def hull(centers: tuple[Array, ...], radii: tuple[float, ...]) -> Array:
    """Return the corners of the convex hull of circles, in px."""
    points = np.concatenate([CIRCLE * radius + center for center, radius in zip(centers, radii, strict=True)])
    return outline(points)


def outline(points: Array) -> Array:
    """Return the (n, 2) corners of the convex hull of (m, 2) points."""
    return cv2.convexHull(points.astype(np.float32))[:, 0]


def shade(color: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    """Scale a color by a factor; above 1 it becomes lighter."""
    blue, green, red = (min(255, max(0, round(value * factor))) for value in color)
    return blue, green, red
