"""Detect the format of a file of joints, by its first bytes before its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Protocol

from posedeploy import plugins
from posedeploy.content_kinds import HDF5, NPY, ZIP
from posedeploy.errors import InputError
from posedeploy.input_files import check_regular, is_apple_double
from posedeploy.predict.image_files import is_image_file
from posedeploy.predict.images import SUFFIXES as IMAGES
from posedeploy.predict.joint_files.joint_arrays import WHAT, read_npy, read_npz
from posedeploy.predict.joint_files.joint_content import RawJoints
from posedeploy.predict.joint_files.joint_documents import read_document, read_folder
from posedeploy.predict.joint_files.joint_tables import read_table

SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".txt", ".json", ".mat", ".pkl", ".pickle")
"""Suffixes of files of joints that images never have."""
HEAD = 128
BINARY = (NPY, b"MATLAB 5.0", b"MATLAB 7.3", HDF5)
"""Signatures that no image and no video has."""


class Reader(Protocol):
    """A reader of one format."""

    def __call__(self, path: Path, key: str | None, *, sequence: bool) -> RawJoints: ...


def _read_mat(path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    reader: Reader = plugins.load("posedeploy.predict.joint_files.matlab:read_mat")
    return reader(path, key, sequence=sequence)


def _refuse_hdf5(path: Path, key: str | None, *, sequence: bool) -> NoReturn:
    raise InputError(
        f"{path}: HDF5 files, such as those of MATLAB 7.3, are not supported; save it in MATLAB with "
        "save(..., '-v7'), or save the joints as .npy or .csv"
    )


def _refuse_pickle(path: Path, key: str | None, *, sequence: bool) -> NoReturn:
    raise InputError(f"{path}: posedeploy never loads pickles; save the joints with numpy.save")


def _starts(*beginnings: bytes) -> Callable[[Path, bytes], bool]:
    return lambda path, head: head.startswith(beginnings)


def _is_json(path: Path, head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    return text[:1] in (b"[", b"{") or path.suffix.lower() == ".json"


FORMATS: tuple[tuple[Callable[[Path, bytes], bool], Reader], ...] = (
    (_starts(NPY), read_npy),
    (_starts(*ZIP), read_npz),
    (_starts(b"MATLAB 7.3", HDF5), _refuse_hdf5),
    (_starts(b"MATLAB 5.0"), _read_mat),
    (_starts(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), _refuse_pickle),
    (_is_json, read_document),
    (lambda path, head: path.suffix.lower() == ".mat", _read_mat),
    (lambda path, head: path.suffix.lower() == ".npy", read_npy),
    (lambda path, head: path.suffix.lower() == ".npz", read_npz),
    (lambda path, head: True, read_table),
)
"""Test of the path and the first bytes, and reader, of each format; the first one that matches is used."""


def is_joints(path: Path) -> bool:
    """Return whether a path contains joints, not images, by suffix and first bytes, or a folder's files."""
    if path.is_dir():
        return bool(_documents(path)) and not _any_image(path)
    if path.suffix.lower() in SUFFIXES:
        return True
    if path.suffix.lower() in IMAGES or not path.is_file():
        return False
    head = _head(path)
    return head.startswith(BINARY) or (head.startswith(ZIP[0]) and b".npy" in head)


def read_joints(path: Path, key: str | None = None, *, sequence: bool = False) -> RawJoints:
    """Return the joints of a file, or of a folder of OpenPose files.

    Args:
        key: the name of the array, for a file of several.
        sequence: whether the first axis of an array is time.

    Raises:
        InputError: the file cannot be read, or its format is unknown.
    """
    if path.is_dir():
        return read_folder(path, _documents(path))
    if check_regular(path, WHAT).st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); pass {WHAT}")
    head = _head(path)
    read = next(reader for is_it, reader in FORMATS if is_it(path, head))
    return read(path, key, sequence=sequence)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); pass {WHAT}") from error


def _documents(folder: Path) -> list[Path]:
    return [path for path in _listed(folder) if path.suffix.lower() == ".json" and path.is_file()]


def _any_image(folder: Path) -> bool:
    return any(map(is_image_file, _listed(folder)))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not is_apple_double(path))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); pass a readable folder") from error
