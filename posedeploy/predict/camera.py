"""The user's camera, from a focal length and a file of extrinsics."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from posedeploy.errors import InputError
from posedeploy.text_files import read_json
from posedeploy.types import Camera

MM_PER_CM = 10.0
WHAT = 'a JSON file of extrinsics, with "R", 3x3, and "t", 3 numbers in cm'


class _Extrinsics(msgspec.Struct):
    """The published demo's file: R (3, 3), and t (3, 1) or (3,) in cm; ``camera = R world + t``."""

    R: list[list[float]]
    t: list[list[float] | float]


def read_camera(fx: float | None, extrinsics: Path | None) -> Camera:
    """A camera of focal length ``fx`` in px, standing where a JSON file with ``R`` and ``t`` (in cm) says.

    Raises:
        InputError: the focal length is not positive, or the file is not such a JSON or R is no rotation.
    """
    if fx is not None and not 0 < fx < np.inf:
        raise InputError(f"--fx {fx:g}: a focal length in pixels is more than 0")
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
            f"{extrinsics}: R is {rotation.shape} and t {translation.shape}; wanted 3x3 and 3 numbers"
        )
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
        raise InputError(
            f"{extrinsics}: R is not a rotation: R times its transpose should be the identity, and its "
            "determinant 1"
        )
    return Camera(fx, rotation, translation * MM_PER_CM)
