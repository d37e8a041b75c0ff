"""The user's camera in numbers: its focal length, and the way from its coordinates to the world's."""

from __future__ import annotations

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, Camera, Placement

FIELD_OF_VIEW = 0.8
"""Focal length over image width where the camera is unknown, as published for lightweight-openpose-3d."""


def focal_length(camera: Camera, placement: Placement) -> float:
    """In px of the image.

    Raises:
        InputError: the camera's focal length is not positive.
    """
    if camera.fx is None:
        return FIELD_OF_VIEW * placement.image_size[0]
    if not camera.fx > 0:
        raise InputError(
            f"a focal length of {camera.fx:g} px cannot be; fx is in pixels of the image and above 0"
        )
    return camera.fx


def to_world(points_mm: Array, camera: Camera) -> Array:
    """Undo ``camera = R world + t`` for (…, 3) points, for as much of it as the camera gives.

    Raises:
        InputError: the rotation or translation is of another shape, or no rotation.
    """
    if camera.rotation is None and camera.translation is None:
        return points_mm
    rotation = np.eye(3) if camera.rotation is None else np.asarray(camera.rotation, np.float64)
    translation = np.zeros(3) if camera.translation is None else np.asarray(camera.translation, np.float64)
    if rotation.shape != (3, 3) or translation.size != 3:
        raise InputError(
            f"a camera's rotation is 3x3 and its translation 3 numbers; here they are {rotation.shape} and "
            f"{translation.shape}"
        )
    try:
        inverse = np.linalg.inv(rotation)
    except np.linalg.LinAlgError as error:
        raise InputError(
            "the camera's rotation matrix cannot be inverted, so it is not a rotation"
        ) from error
    world: Array = (points_mm - translation.reshape(3)) @ inverse.T
    return world
