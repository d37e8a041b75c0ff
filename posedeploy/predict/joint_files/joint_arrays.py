"""Joints in NumPy files: ``.npy``, and ``.npz`` with one array of joints.

Pickled objects are never loaded, and no array larger than ``MAX_ARRAY_BYTES`` is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from posedeploy.errors import InputError
from posedeploy.npy_files import load_npy, open_npz
from posedeploy.predict.joint_files.joint_content import FileFrame, RawJoints, Record
from posedeploy.predict.joint_files.rows import split_rows
from posedeploy.types import Array

WHAT, JOINTS = "a file of 2D joints", "joints"
KEYS = ("keypoints", "joints", "poses", "joints_2d", "keypoints_2d", "pose2d", "positions_2d", "kpts", "data")
"""The names of joints in files of several arrays; the first existing one is used."""
SCORE_KEYS = ("keypoint_scores", "scores", "score", "confidence", "conf", "visibility")


def read_npy(path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    """Return the joints of a ``.npy`` file.

    Raises:
        InputError: the file is damaged or too large, or its array does not have the shape of joints.
    """
    if key is not None:
        raise InputError(f"`joints_key={key}`: {path} has a single array without a name; leave it out")
    return from_array(load_npy(path, WHAT, JOINTS), path.name, sequence=sequence)


def read_npz(path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    """Return the joints of a ``.npz`` file.

    Raises:
        InputError: the file is damaged, encrypted or too large, or not exactly one array has the shape of
            joints.
    """
    with open_npz(path, WHAT, JOINTS) as archive:
        shapes = {name: header.shape for name, header in archive.headers.items()}
        return from_arrays(shapes, archive.load, path, key, archive.refusals, sequence=sequence)


def from_arrays(
    shapes: Mapping[str, tuple[int, ...]],
    load: Callable[[str], Array],
    path: Path,
    key: str | None,
    refusals: Mapping[str, str],
    *,
    sequence: bool,
) -> RawJoints:
    """Return the joints of the array named ``key``, or in ``KEYS``, or the only one of that shape.

    Args:
        shapes: the shapes of the arrays, by name. load: reads an array by its name.
        refusals: the reasons why other variables cannot be read, by name.

    Raises:
        InputError: there is no such array, or more than one.
    """
    name = _name_of(shapes, path, key, refusals)
    array = load(name)
    scores = next(
        (each for each in SCORE_KEYS if shapes.get(each) == array.shape[:-1] and each != name), None
    )
    if scores is not None and array.shape[-1:] == (2,):
        array = np.concatenate([array, load(scores)[..., None]], axis=-1)
    return from_array(array, path.name, sequence=sequence)


def from_array(array: Array, source: str, *, sequence: bool) -> RawJoints:
    """Return the joints of an array of (J, 2 or 3), (people, J, 2 or 3) or (frames, people, J, 2 or 3).

    With ``sequence``, (frames, J, 2 or 3) is one person over time. (people, 2 J or 3 J) is split if J is the
    number of joints of a known set.

    Raises:
        InputError: the array has another shape, or no numbers.
    """
    if array.dtype.kind not in "iuf":
        raise InputError(f"{source}: joints of type {array.dtype}; expected numbers")
    if array.ndim == 2 and array.shape[1] > 3:
        array = split_rows(array, source)
    if array.ndim == 2:
        array = array[None]
    if array.ndim == 3 and sequence:
        array = array[:, None]
    if array.ndim == 4 and not sequence and len(array) > 1 and array.shape[-1] in (2, 3):
        raise InputError(
            f"{source}: joints of shape {array.shape} are frames, people, joints, numbers; add `sequence`"
        )
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[3] not in (2, 3) or 0 in array.shape:
        raise InputError(
            f"{source}: joints of shape "
            f"{array.shape if array.ndim != 4 else array.shape[array.shape[0] == 1 :]}; expected (joints, "
            "2), (people, joints, 2) or, with `sequence`, (frames, joints, 2): x and y in px, or 3 numbers "
            "with the score"
        )
    return RawJoints(
        [
            FileFrame(
                source,
                [Record(person, f"person {index}") for index, person in enumerate(people)],
                number if sequence else None,
            )
            for number, people in enumerate(array)
        ]
    )


def _name_of(
    shapes: Mapping[str, tuple[int, ...]], path: Path, key: str | None, refusals: Mapping[str, str]
) -> str:
    listed = ", ".join([f"{name} {shape}" for name, shape in shapes.items()] + list(refusals)) or "nothing"
    if key is not None and key in refusals:
        raise InputError(f"{path}: {key} {refusals[key]}; save it as an array of numbers")
    if key is not None and key not in shapes:
        raise InputError(f"`joints_key={key}`: {path} has no such array; its arrays are {listed}")
    if key is not None:
        return key
    alike = [name for name, shape in shapes.items() if len(shape) in (2, 3, 4) and shape[-1] in (2, 3)]
    known = [name for name in KEYS if name in shapes]
    if known or len(alike) == 1 or len(shapes) == 1:
        return (known or alike or list(shapes))[0]
    if not alike and refusals:
        first, reason = next(iter(refusals.items()))
        raise InputError(f"{path}: {first} {reason}; save the joints as an array of numbers")
    raise InputError(
        f"{path}: {len(alike)} arrays have the shape of joints, (..., joints, 2 or 3); its arrays are "
        f"{listed}; select one with `joints_key`"
    )
