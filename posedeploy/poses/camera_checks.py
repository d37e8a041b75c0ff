"""What is implausible about a user's camera, and which mistake in it is the likely one."""

from __future__ import annotations

import math

import numpy as np

from posedeploy.types import Array

FX_OF_WIDTH = (0.23, 20.0)
"""The least and largest focal length, by the image's width: fields of view of 131 and 2.9 degrees."""
FULL_FRAME_MM = 36.0
RELATIVE = 2.5
"""A focal length up to this is likely given in widths of the image."""
MAX_ELEMENT = 1e6
"""Of a matrix that may be a scaled rotation; the squares of much larger numbers overflow."""
DISTANCE_MM = (200.0, 30_000.0)
"""The least and largest distance of a camera from the origin of the world; 0 is the camera itself."""
DEGREES = 2 * math.pi
"""Angles above this are not in radians; numbers above 1 are in no rotation matrix."""


def doubt_focal_length(fx: float, width: int) -> str | None:
    """Return a warning about a focal length in px for images of a width in px; None for a plausible one."""
    low, high = (share * width for share in FX_OF_WIDTH)
    if low <= fx <= high:
        return None
    view = math.degrees(2 * math.atan(width / 2 / fx))
    usual = f"that of a phone is about {0.8 * width:.0f}"
    if fx > high:
        cause = f"if it is of a larger image or in micrometers, give it in px of this image; {usual}"
    elif fx <= RELATIVE:
        cause = f"if it is relative to the image's width, give {fx * width:.0f}; {usual}"
    else:
        cause = (
            f"if it is in mm, multiply it by {width} px and divide by the sensor's width in mm, which gives "
            f"{fx * width / FULL_FRAME_MM:.0f} for {FULL_FRAME_MM:g} mm"
        )
    return (
        f"`fx={fx:g}`: a field of view of {view:.3g} degrees across {width} px, which is implausible; {cause}"
    )


def doubt_translation(translation_mm: Array) -> str | None:
    """Return a warning about where extrinsics place a camera; None for a plausible place."""
    low, high = DISTANCE_MM
    distance = float(np.linalg.norm(translation_mm))
    if distance == 0 or low <= distance <= high:
        return None
    cause = (
        "in m, multiply it by 100"
        if distance < low
        else "in mm, divide it by 10"
    )  # fmt: skip
    return (
        f"t places the camera {distance / 1000:.3g} m from the origin of the world, which is implausible; "
        f"t is in cm: if yours is {cause}"
    )


def why_not_rotation(matrix: Array) -> str | None:
    """Return why a (3, 3) matrix is not a rotation, and the likely cause; None for a rotation."""
    if not np.isfinite(matrix).all():
        return "it holds numbers that are not finite"
    if np.abs(matrix).max() > MAX_ELEMENT:
        return f"its numbers reach {np.abs(matrix).max():.3g}, and those of a rotation are from -1 to 1"
    gram, determinant = matrix @ matrix.T, float(np.linalg.det(matrix))
    scale = math.sqrt(max(float(np.trace(gram)) / 3, 0.0))
    if not np.allclose(gram, np.eye(3) * scale**2, atol=1e-3 * max(scale**2, 1)) or scale == 0:
        if np.abs(matrix).max() > DEGREES:
            return "its numbers reach far above 1, as angles in degrees do; give the rotation matrix"
        return "R times its transpose should be the identity; its rows are not at right angles"
    if abs(scale - 1) > 1e-3:
        return f"it is scaled by {scale:.4g}; divide it by that"
    if determinant < 0:
        return (
            "its determinant is -1, so it mirrors; an axis points the other way than in the world (y up for "
            "y down, or left-handed): change the sign of that axis"
        )
    return None
