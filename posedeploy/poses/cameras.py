"""Focal length and world coordinates of the user's camera."""

from __future__ import annotations

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, Camera, Placement

FIELD_OF_VIEW = 0.8
"""Focal length of an unknown camera in image widths, as published for lightweight-openpose-3d."""


def find_focal_length(camera: Camera, placement: Placement) -> float:
    """Return the focal length in px of the image.

    Raises:
        InputError: the camera's focal length is not positive.
    """
    if camera.fx is None:
        return FIELD_OF_VIEW * placement.image_size[0]
    if not camera.fx > 0:
        raise InputError(f"`fx={camera.fx:g}`: expected a focal length in px of the image, above 0")
    return camera.fx


def check_no_camera(camera: Camera, family: str) -> None:
    """Check that a camera without parameters is passed to a family whose positions do not depend on it.

    Raises:
        InputError: the camera has a focal length, a rotation or a translation.
    """
    if any(part is not None for part in (camera.fx, camera.rotation, camera.translation)):
        raise InputError(
            f"{family} returns positions relative to the pelvis, which do not depend on the camera; "
            "leave out the focal length and the extrinsics"
        )


def to_world(points_mm: Array, camera: Camera) -> Array:
    """Convert (…, 3) points from camera to world coordinates, where ``camera = R world + t``.

    A missing rotation is the identity, and a missing translation is 0.

    Raises:
        InputError: the rotation or the translation has another shape, or the rotation is singular.
    """
    if camera.rotation is None and camera.translation is None:
        return points_mm
    rotation = np.eye(3) if camera.rotation is None else np.asarray(camera.rotation, np.float64)
    translation = np.zeros(3) if camera.translation is None else np.asarray(camera.translation, np.float64)
    if rotation.shape != (3, 3) or translation.size != 3:
        raise InputError(
            f"the camera's rotation is {rotation.shape} and its translation {translation.shape}; expected "
            "3x3 and 3 numbers"
        )
    try:
        inverse = np.linalg.inv(rotation)
    except np.linalg.LinAlgError as error:
        raise InputError("the camera's rotation is singular; expected a rotation matrix") from error
    world: Array = (points_mm - translation.reshape(3)) @ inverse.T
    return world
