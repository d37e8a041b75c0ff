"""Joints in MATLAB's files up to version 7, as SciPy reads them. Version 7.3 is HDF5 and is refused by
name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import scipy.io

from posedeploy.errors import InputError
from posedeploy.input_files import check_regular
from posedeploy.limits import MAX_ARRAY_BYTES
from posedeploy.npy_files import too_large
from posedeploy.predict.joint_files.joint_arrays import JOINTS, WHAT, from_arrays
from posedeploy.predict.joint_files.joint_content import RawJoints
from posedeploy.types import Array

NUMERIC = {"double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"}
BYTES_OF_A_NUMBER = 8


def read_mat(path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    """Return the joints of a ``.mat`` file: (joints, 2 or 3), (people, joints, 2 or 3), or the same with the
    axes the other way round, as MATLAB's users have them.

    Raises:
        InputError: it is damaged or too large, or no one array in it is of the form of joints.
    """
    check_regular(path, WHAT)
    with _refusing(path):
        listed = scipy.io.whosmat(path)
    shapes = {name: _turned_shape(shape) for name, shape, kind in listed if kind in NUMERIC}
    refusals = {name: f"is a {kind}" for name, _, kind in listed if kind not in NUMERIC}

    def load(name: str) -> Array:
        size = math.prod(shapes[name]) * BYTES_OF_A_NUMBER
        if size > MAX_ARRAY_BYTES:
            raise too_large(f"{path}: {name}", size, JOINTS)
        with _refusing(path):
            array = np.asarray(scipy.io.loadmat(path, variable_names=[name])[name])
        return array if array.shape == shapes[name] else array.T

    return from_arrays(shapes, load, path, key, refusals, sequence=sequence)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever SciPy's parser stumbles over: ValueError, KeyError, zlib.error, ...
        raise InputError(
            f"{path}: damaged, or not a MATLAB file up to version 7 ({type(error).__name__}: {error})"
        ) from error


def _turned_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(2 or 3, joints, people) as (people, joints, 2 or 3)."""
    turned = len(shape) in (2, 3, 4) and shape[0] in (2, 3) and shape[-1] not in (2, 3)
    return shape[::-1] if turned else shape
