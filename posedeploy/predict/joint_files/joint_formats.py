"""Which reader reads a file of joints: told by its first bytes, not by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Protocol

from posedeploy import plugins
from posedeploy.content_kinds import HDF5, NPY, ZIP
from posedeploy.errors import InputError
from posedeploy.input_files import check_regular, is_apple_double
from posedeploy.predict.images import SUFFIXES as IMAGES
from posedeploy.predict.joint_files.joint_arrays import WHAT, read_npy, read_npz
from posedeploy.predict.joint_files.joint_content import RawJoints
from posedeploy.predict.joint_files.joint_documents import read_document, read_folder
from posedeploy.predict.joint_files.joint_tables import read_table

SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".txt", ".json", ".mat", ".pkl", ".pickle")
"""Names that people give to files of joints, and nobody to images."""
HEAD = 128
BINARY = (NPY, b"MATLAB 5.0", b"MATLAB 7.3", HDF5)
"""First bytes that no image and no video has."""


class Reader(Protocol):
    """Reads one format."""

    def __call__(self, path: Path, key: str | None, *, sequence: bool) -> RawJoints: ...


def _mat(path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    reader: Reader = plugins.load("posedeploy.predict.joint_files.matlab:read_mat")
    return reader(path, key, sequence=sequence)


def _hdf5(path: Path, key: str | None, *, sequence: bool) -> NoReturn:
    raise InputError(
        f"{path}: an HDF5 file, such as MATLAB's version 7.3, which is not read; save it in MATLAB with "
        "save(..., '-v7'), or the joints as .npy or .csv"
    )


def _pickle(path: Path, key: str | None, *, sequence: bool) -> NoReturn:
    raise InputError(f"{path}: a pickle, which posedeploy never unpickles; save the joints with numpy.save")


def _starts(*beginnings: bytes) -> Callable[[Path, bytes], bool]:
    return lambda path, head: head.startswith(beginnings)


def _is_json(path: Path, head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    return text[:1] in (b"[", b"{") or path.suffix.lower() == ".json"


FORMATS: tuple[tuple[Callable[[Path, bytes], bool], Reader], ...] = (
    (_starts(NPY), read_npy),
    (_starts(*ZIP), read_npz),
    (_starts(b"MATLAB 7.3", HDF5), _hdf5),
    (_starts(b"MATLAB 5.0"), _mat),
    (_starts(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), _pickle),
    (_is_json, read_document),
    (lambda path, head: path.suffix.lower() == ".mat", _mat),
    (lambda path, head: path.suffix.lower() == ".npy", read_npy),
    (lambda path, head: path.suffix.lower() == ".npz", read_npz),
    (lambda path, head: True, read_table),
)
"""What a file is by its path and first bytes, and what reads it; the first that fits does."""


def is_joints(path: Path) -> bool:
    """Whether a path is of joints and not of images: by its name or first bytes, and for a folder by what it
    holds."""
    if path.is_dir():
        return bool(_documents(path)) and not _any_image(path)
    if path.suffix.lower() in SUFFIXES:
        return True
    if path.suffix.lower() in IMAGES or not path.is_file():
        return False
    head = _head(path)
    return head.startswith(BINARY) or (head.startswith(ZIP[0]) and b".npy" in head)


def read_joints(path: Path, key: str | None = None, *, sequence: bool = False) -> RawJoints:
    """Return the joints of a file, or of a folder of OpenPose's files.

    Args:
        key: the name of the array, where a file has several.
        sequence: whether the first axis of an array is time.

    Raises:
        InputError: it cannot be read, or is of no known form.
    """
    if path.is_dir():
        return read_folder(path, _documents(path))
    if check_regular(path, WHAT).st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); name {WHAT}")
    head = _head(path)
    read = next(reader for is_it, reader in FORMATS if is_it(path, head))
    return read(path, key, sequence=sequence)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name {WHAT}") from error


def _documents(folder: Path) -> list[Path]:
    return [path for path in _listed(folder) if path.suffix.lower() == ".json" and path.is_file()]


def _any_image(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGES for path in _listed(folder))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not is_apple_double(path))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); name a folder that can") from error
