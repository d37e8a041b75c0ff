"""Read the triangles of a mesh from a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from posedeploy.errors import InputError
from posedeploy.input_files import check_regular
from posedeploy.limits import MAX_OBJ_BYTES
from posedeploy.npy_files import load_npy, open_npz
from posedeploy.pickles.arrays import ArrayRecord
from posedeploy.pickles.reading import read_pickle
from posedeploy.pickles.values import PickleError, Unreadable
from posedeploy.printable import listed, printable
from posedeploy.text_files import read_text
from posedeploy.types import Array

FACE_NAMES = ("f", "faces", "face", "triangles", "tri")
"""The names of triangles in the files of SMPL and MANO, and in others."""
WHAT = "a file of triangles for `mesh`"
UNNAMED = "the file"
MAX_VERTEX = 1 << 31
"""The largest vertex number in a Wavefront file."""


@dataclass(frozen=True)
class Mesh:
    """The triangles of a mesh.

    faces: (triangles, 3) vertex numbers, with each number from 0 to ``vertices - 1``. sha256: the hash of the
    faces as little-endian int64, which does not depend on the kind of file.
    """

    path: Path
    faces: Array
    vertices: int
    sha256: str


def read_mesh(path: Path) -> Mesh:
    """Read the triangles in a ``.npy``, ``.npz``, ``.obj`` or ``.pkl`` file without running any code in it.

    Raises:
        InputError: the file is missing, damaged or of another kind, or it has no triangles, or vertices that
            are in no triangle.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"`mesh={path}`: not a file of triangles; expected {', '.join(READERS)}")
    try:
        check_regular(path, WHAT)
        faces = _check_faces(path, reader(path))
    except OSError as error:
        raise InputError(f"`mesh={path}`: cannot be read ({error.strerror or error})") from error
    digest = hashlib.sha256(faces.astype("<i8").tobytes()).hexdigest()
    return Mesh(path, faces, int(faces.max()) + 1, digest)


def _check_faces(path: Path, faces: Array) -> Array:
    if faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0 or faces.dtype.kind not in "iu":
        shape = "x".join(map(str, faces.shape)) or "a single number"
        raise InputError(
            f"`mesh={path}`: an array of {faces.dtype}, {shape}; expected triangles, Nx3 whole numbers"
        )
    faces = faces.astype(np.int64)
    if faces.min() < 0:
        raise InputError(f"`mesh={path}`: a triangle has vertex {faces.min()}; vertices are counted from 0")
    if int(faces.max()) >= 3 * len(faces):
        raise InputError(
            f"`mesh={path}`: a triangle has vertex {faces.max()}, but the {len(faces)} triangles do not have "
            "that many vertices; expected a complete mesh"
        )
    flat = (faces == np.roll(faces, 1, axis=1)).any(axis=1)
    if flat.any():
        raise InputError(
            f"`mesh={path}`: triangle {flat.argmax()} has a vertex twice: {faces[flat.argmax()].tolist()}"
        )
    unused = np.setdiff1d(np.arange(faces.max() + 1), faces)
    if len(unused):
        raise InputError(
            f"`mesh={path}`: {len(unused)} of {faces.max() + 1} vertices are in no triangle, the first "
            f"of them {unused[0]}; expected a complete mesh"
        )
    return faces


def _read_npy(path: Path) -> Array:
    """Read an array or an archive of arrays. The content decides which, not the suffix."""
    with path.open("rb") as file:
        is_archive = file.read(2) == b"PK"
    try:
        if not is_archive:
            return load_npy(path, WHAT, "triangles")
        with open_npz(path, WHAT, "triangles") as archive:
            return archive.load(_choose_array(path, archive.headers, archive.refusals))
    except InputError as error:
        if error.parameter == "mesh":
            raise
        raise InputError(f"`mesh={path}`: {str(error).removeprefix(printable(f'{path}: '))}") from error


def _read_pickle(path: Path) -> Array:
    """Read a pickle, such as SMPL's or MANO's file with sparse matrices and chumpy arrays."""
    try:
        content = read_pickle(path)
    except PickleError as error:
        raise InputError(f"`mesh={path}`: not a complete pickle: {error}; copy it again") from error
    if isinstance(content, ArrayRecord) and isinstance(content.value, np.ndarray):
        return content.value
    named = content if isinstance(content, dict) else {UNNAMED: content}
    values = {str(name): _unwrap(value) for name, value in named.items() if isinstance(name, str)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    refusals = {
        name: f"cannot be read: {value.problem}"
        for name, value in values.items()
        if isinstance(value, Unreadable)
    }
    return arrays[_choose_array(path, arrays, refusals)]


def _unwrap(value: Any) -> Any:
    return value.value if isinstance(value, ArrayRecord) else value


class _Shaped(Protocol):
    """An array, or the header of one."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


def _choose_array(path: Path, arrays: Mapping[str, _Shaped], refusals: Mapping[str, str]) -> str:
    """Return the name of the array that is named like triangles, or else of the only one with their shape.

    Args:
        refusals: why other arrays cannot be read, by name.
    """
    for key in FACE_NAMES:
        if key in arrays:
            return key
    for name in (*FACE_NAMES, UNNAMED):
        if name in refusals:
            raise InputError(f"`mesh={path}`: {name} {refusals[name]}; copy it again")
    candidates = [
        name
        for name, array in arrays.items()
        if len(array.shape) == 2 and array.shape[1] == 3 and array.dtype.kind in "iu"
    ]
    if len(candidates) != 1:
        raise InputError(
            f"`mesh={path}`: {len(candidates)} arrays could be triangles; expected one, or one named "
            f"{', '.join(FACE_NAMES)}; the file has {listed([*arrays, *refusals]) or 'no arrays'}"
        )
    return candidates[0]


def _read_obj(path: Path) -> Array:
    """Read the ``f`` lines of a Wavefront file, with corners ``v``, ``v/vt``, ``v//vn`` or ``v/vt/vn``."""
    faces: list[list[int]] = []
    vertices = 0
    text = read_text(path, "a Wavefront file", max_bytes=MAX_OBJ_BYTES, replace=True)
    for number, line in enumerate(text.split("\n"), start=1):
        kind, *corners = line.split() or [""]
        vertices += kind == "v"
        if kind == "f":
            faces.append(_parse_corners(path, number, corners, vertices))
    return np.array(faces, np.int64).reshape(-1, 3)


def _parse_corners(path: Path, line: int, corners: list[str], vertices: int) -> list[int]:
    try:
        numbers = [int(corner.partition("/")[0]) for corner in corners]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or 0 in numbers or max(map(abs, numbers)) > MAX_VERTEX:
        raise InputError(
            f"`mesh={path}`, line {line}: {' '.join(corners) or 'nothing'} is not a triangle; expected 3 "
            "vertices, counted from 1"
        )
    return [number - 1 if number > 0 else vertices + number for number in numbers]


READERS: Mapping[str, Callable[[Path], Array]] = {
    ".npy": _read_npy,
    ".npz": _read_npy,
    ".obj": _read_obj,
    ".pkl": _read_pickle,
}
