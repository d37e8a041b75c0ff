"""The triangles of a mesh, from whatever file the user has them in."""

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

KEYS = ("f", "faces", "face", "triangles", "tri")
"""What triangles are called in the files of SMPL and MANO, and elsewhere."""
WHAT = "a file of triangles for `mesh`"
WHOLE = "the file"
MAX_VERTEX = 1 << 31
"""The largest number of a vertex in a Wavefront file."""


@dataclass(frozen=True)
class Mesh:
    """A mesh without its shape: (triangles, 3) ``faces`` of vertex numbers, each from 0 to ``vertices - 1``
    in one or more. ``sha256`` is the hash of the triangles as little-endian int64, whatever the file."""

    path: Path
    faces: Array
    vertices: int
    sha256: str


def read_mesh(path: Path) -> Mesh:
    """The triangles in a ``.npy``, ``.npz``, ``.obj`` or ``.pkl`` file; nothing in it is run.

    Raises:
        InputError: the file is missing, damaged or of another kind, or what it holds are not triangles of
            vertices that all belong to one.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"`mesh={path}`: not a file of triangles; expected {', '.join(READERS)}")
    try:
        check_regular(path, WHAT)
        faces = _checked(path, reader(path))
    except OSError as error:
        raise InputError(f"`mesh={path}`: cannot be read ({error.strerror or error})") from error
    digest = hashlib.sha256(faces.astype("<i8").tobytes()).hexdigest()
    return Mesh(path, faces, int(faces.max()) + 1, digest)


def _checked(path: Path, faces: Array) -> Array:
    if faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0 or faces.dtype.kind not in "iu":
        shape = "x".join(map(str, faces.shape)) or "a single number"
        raise InputError(
            f"`mesh={path}`: an array of {faces.dtype}, {shape}; expected triangles, Nx3 whole numbers"
        )
    faces = faces.astype(np.int64)
    if faces.min() < 0:
        raise InputError(f"`mesh={path}`: a triangle names vertex {faces.min()}; vertices count from 0")
    if int(faces.max()) >= 3 * len(faces):
        raise InputError(
            f"`mesh={path}`: it names vertex {faces.max()}, so most vertices would be in none of its "
            f"triangles ({len(faces)}); expected a whole mesh"
        )
    flat = (faces == np.roll(faces, 1, axis=1)).any(axis=1)
    if flat.any():
        raise InputError(
            f"`mesh={path}`: triangle {flat.argmax()} names a vertex twice: {faces[flat.argmax()].tolist()}"
        )
    unused = np.setdiff1d(np.arange(faces.max() + 1), faces)
    if len(unused):
        raise InputError(
            f"`mesh={path}`: {len(unused)} of {faces.max() + 1} vertices are in no triangle, the first "
            f"of them {unused[0]}; expected a whole mesh"
        )
    return faces


def _npy(path: Path) -> Array:
    """The triangles in an array or in an archive of arrays, whatever its name ends in."""
    with path.open("rb") as file:
        is_archive = file.read(2) == b"PK"
    try:
        if not is_archive:
            return load_npy(path, WHAT, "triangles")
        with open_npz(path, WHAT, "triangles") as archive:
            return archive.load(_name_of(path, archive.headers, archive.refusals))
    except InputError as error:
        if error.parameter == "mesh":
            raise
        raise InputError(f"`mesh={path}`: {str(error).removeprefix(printable(f'{path}: '))}") from error


def _pkl(path: Path) -> Array:
    """The triangles in a pickle, such as SMPL's or MANO's file with its sparse matrices and chumpy arrays."""
    try:
        content = read_pickle(path)
    except PickleError as error:
        raise InputError(f"`mesh={path}`: not a whole pickle: {error}; copy it again") from error
    if isinstance(content, ArrayRecord) and isinstance(content.value, np.ndarray):
        return content.value
    named = content if isinstance(content, dict) else {WHOLE: content}
    values = {str(name): _array_in(value) for name, value in named.items() if isinstance(name, str)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    refusals = {
        name: f"cannot be read: {value.problem}"
        for name, value in values.items()
        if isinstance(value, Unreadable)
    }
    return arrays[_name_of(path, arrays, refusals)]


def _array_in(value: Any) -> Any:
    return value.value if isinstance(value, ArrayRecord) else value


class _Form(Protocol):
    """An array, or the header of one."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


def _name_of(path: Path, arrays: Mapping[str, _Form], refusals: Mapping[str, str]) -> str:
    """The name of the array that is named like triangles, or of the only one of that form.

    Args:
        refusals: why others cannot be read, by their names.
    """
    for key in KEYS:
        if key in arrays:
            return key
    for name in (*KEYS, WHOLE):
        if name in refusals:
            raise InputError(f"`mesh={path}`: {name} {refusals[name]}; copy it again")
    like = [
        name
        for name, array in arrays.items()
        if len(array.shape) == 2 and array.shape[1] == 3 and array.dtype.kind in "iu"
    ]
    if len(like) != 1:
        raise InputError(
            f"`mesh={path}`: {len(like)} arrays look like triangles; expected one, or one "
            f"called {', '.join(KEYS)}; it holds {listed([*arrays, *refusals]) or 'no arrays'}"
        )
    return like[0]


def _obj(path: Path) -> Array:
    """The ``f`` lines of a Wavefront file, of which each corner is ``v``, ``v/vt``, ``v//vn`` or
    ``v/vt/vn``."""
    faces: list[list[int]] = []
    vertices = 0
    text = read_text(path, "a Wavefront file", max_bytes=MAX_OBJ_BYTES, replace=True)
    for number, line in enumerate(text.split("\n"), start=1):
        kind, *corners = line.split() or [""]
        vertices += kind == "v"
        if kind == "f":
            faces.append(_corners(path, number, corners, vertices))
    return np.array(faces, np.int64).reshape(-1, 3)


def _corners(path: Path, line: int, corners: list[str], vertices: int) -> list[int]:
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


READERS: Mapping[str, Callable[[Path], Array]] = {".npy": _npy, ".npz": _npy, ".obj": _obj, ".pkl": _pkl}
