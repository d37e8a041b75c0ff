"""Checks of a user's camera for implausible values, with their likely causes."""

from __future__ import annotations

import math

import numpy as np

from posedeploy.types import Array

FX_OF_WIDTH = (0.23, 20.0)
"""Minimum and maximum focal length in image widths: fields of view of 131 and 2.9 degrees."""
FULL_FRAME_MM = 36.0
MAX_RELATIVE_FX = 2.5
"""A focal length up to this value is likely in image widths."""
MAX_ELEMENT = 1e6
"""Limit of the elements of a scaled rotation; the squares of much larger numbers overflow."""
DISTANCE_MM = (200.0, 30_000.0)
"""Minimum and maximum distance of a camera from the world origin; 0 means that they coincide."""
MAX_RADIANS = 2 * math.pi
"""Numbers above this value are angles in degrees: a rotation matrix has no number above 1."""


def check_focal_length(fx: float, width: int) -> str | None:
    """Return a warning about a focal length in px for images of this width; None if it is plausible."""
    low, high = (share * width for share in FX_OF_WIDTH)
    if low <= fx <= high:
        return None
    view = math.degrees(2 * math.atan(width / 2 / fx))
    typical = f"a phone has about {0.8 * width:.0f}"
    if fx > high:
        cause = f"if it is for a larger image or in micrometers, convert it to px of this image; {typical}"
    elif fx <= MAX_RELATIVE_FX:
        cause = f"if it is relative to the image's width, use {fx * width:.0f}; {typical}"
    else:
        cause = (
            f"if it is in mm, multiply it by {width} px and divide it by the sensor's width in mm: "
            f"{fx * width / FULL_FRAME_MM:.0f} for {FULL_FRAME_MM:g} mm"
        )
    return f"`fx={fx:g}`: an implausible field of view of {view:.3g} degrees across {width} px; {cause}"


def check_translation(translation_mm: Array) -> str | None:
    """Return a warning about the translation of extrinsics; None if it is plausible."""
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
        f"t places the camera at an implausible {distance / 1000:.3g} m from the world origin; t is in cm: "
        f"if yours is {cause}"
    )


def check_rotation(matrix: Array) -> str | None:
    """Return why a (3, 3) matrix is not a rotation, with the likely cause; None for a rotation."""
    if not np.isfinite(matrix).all():
        return "it has numbers that are not finite"
    if np.abs(matrix).max() > MAX_ELEMENT:
        return f"its largest number is {np.abs(matrix).max():.3g}; expected -1 to 1"
    with np.errstate(all="ignore"):  # numbers near 0 underflow
        gram, determinant = matrix @ matrix.T, float(np.linalg.det(matrix))
    scale = math.sqrt(max(float(np.trace(gram)) / 3, 0.0))
    if not np.allclose(gram, np.eye(3) * scale**2, atol=1e-3 * max(scale**2, 1)) or scale == 0:
        if np.abs(matrix).max() > MAX_RADIANS:
            return "it has numbers far above 1, such as angles in degrees; write the rotation matrix"
        return "its rows are not at right angles; R times its transpose must be the identity"
    if abs(scale - 1) > 1e-3:
        return f"it is scaled by {scale:.4g}; divide it by that"
    if determinant < 0:
        return (
            "its determinant is -1, so it mirrors; one axis is reversed (y up instead of y down, or "
            "left-handed): change the sign of that axis"
        )
    return None
