"""Reading and checking of the user's camera: a focal length and a file of extrinsics."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec
import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.camera_checks import check_focal_length, check_rotation, check_translation
from posedeploy.text_files import read_json
from posedeploy.types import Array, Camera

MM_PER_CM = 10.0
MAX_TRANSLATION_CM = 1e9
"""10,000 km."""
WHAT = 'a JSON file of extrinsics, with "R", 3x3, and "t", 3 numbers in cm'


class _Extrinsics(msgspec.Struct):
    """The published demo's file format: R (3, 3), and t (3, 1) or (3,) in cm; ``camera = R world + t``."""

    R: list[list[float] | float]
    t: list[list[float] | float]


def read_camera(fx: float | None, extrinsics: Path | None) -> Camera:
    """Return the camera with focal length ``fx`` in px and the extrinsics of a JSON file.

    Raises:
        InputError: the focal length is not positive, the file has no ``R`` and ``t`` in cm, or R is not a
            rotation.
    """
    if fx is not None and not 0 < fx < np.inf:
        raise InputError(f"`fx={fx:g}`: expected a focal length in px, above 0")
    if extrinsics is None:
        return Camera(fx)
    document = read_json(extrinsics, WHAT, _Extrinsics)
    try:
        rotation = np.array(document.R, np.float64)
        translation = np.array(document.t, np.float64).reshape(-1)
    except ValueError as error:
        raise InputError(f"{extrinsics}: not {WHAT}: {error}") from error
    if rotation.shape != (3, 3) or translation.shape != (3,):
        raise InputError(
            f"{extrinsics}: R is {_size(rotation)} and t {_size(translation)}; expected 3x3 and 3 numbers"
            + _HINTS.get(rotation.shape, "")
        )
    if not np.all(np.abs(translation) <= MAX_TRANSLATION_CM):
        raise InputError(
            f"{extrinsics}: t is {translation.tolist()}; expected at most {MAX_TRANSLATION_CM:g} cm"
        )
    reason = check_rotation(rotation)
    if reason is not None:
        raise InputError(f"{extrinsics}: R is not a rotation: {reason}")
    return Camera(fx, rotation, translation * MM_PER_CM)


_VECTOR_HINT = ". 3 numbers are a rotation vector or angles: write the matrix, cv2.Rodrigues(vector)[0]"
_HINTS = {
    (3,): _VECTOR_HINT,
    (3, 1): _VECTOR_HINT,
    (1, 3): _VECTOR_HINT,
    (4,): ". 4 numbers are a quaternion: write the rotation matrix",
    (9,): ". Write 3 rows of 3 numbers",
    (3, 4): ". A 3x4 matrix contains both R and t: write its first 3 columns as R and the last one as t",
    (4, 4): ". A 4x4 matrix contains both R and t: write its first 3x3 as R and 3 of its last column as t",
}


def _size(array: Array) -> str:
    return "x".join(map(str, array.shape)) if array.ndim else "one number"


def camera_warnings(camera: Camera, widths: Collection[int]) -> list[str]:
    """Return warnings about a camera that is implausible for images of these widths in px."""
    warnings = []
    if camera.fx is not None:
        warnings += [check_focal_length(camera.fx, width) for width in sorted(widths)][:1]
    if camera.translation is not None:
        warnings.append(check_translation(np.asarray(camera.translation)))
    return [warning for warning in warnings if warning is not None]
