"""Read arrays in ``.npy`` and ``.npz`` files without unpickling Python objects, up to ``MAX_ARRAY_BYTES``."""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from posedeploy.errors import InputError, first_line
from posedeploy.input_files import check_regular
from posedeploy.limits import MAX_ARRAY_BYTES
from posedeploy.types import Array
from posedeploy.zip_files import DAMAGED_ZIP, ENCRYPTED, chunks_of, read_member, zip_errors

DAMAGED_ARRAY = (*DAMAGED_ZIP, SyntaxError, TypeError, MemoryError, tokenize.TokenError)
"""The errors of NumPy for a file that is damaged, encrypted, or not a ``.npy`` or ``.npz`` file."""
OBJECTS = "holds Python objects, which posedeploy never unpickles"
HEADER_BYTES = 1 << 16


@dataclass(frozen=True)
class ArrayHeader:
    """The header of an array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """The size of the array in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


class NpzFile:
    """An open ``.npz`` file.

    headers: the headers of the arrays of numbers, by name. refusals: why other members cannot be read, by
    name.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path, content: str) -> None:
        self._archive, self._path, self._content = archive, path, content
        self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        results = {name: self._read_header(info) for name, info in self._members.items()}
        self.headers = {name: header for name, header in results.items() if isinstance(header, ArrayHeader)}
        self.refusals = {name: reason for name, reason in results.items() if isinstance(reason, str)}

    def load(self, name: str) -> Array:
        """Read the array with this name.

        Raises:
            InputError: it is damaged, is too large, or contains Python objects.
        """
        info = self._members[name]
        source = f"{self._path}: {info.filename}"
        if info.file_size > MAX_ARRAY_BYTES + HEADER_BYTES:
            raise size_error(source, info.file_size, self._content)
        with _damage_of_npz(self._path):
            content = read_member(self._archive, info, MAX_ARRAY_BYTES + HEADER_BYTES)
        return read_array(io.BytesIO(content), source, self._content)

    def _read_header(self, info: zipfile.ZipInfo) -> ArrayHeader | str:
        """Return the header of an array, or why it cannot be read."""
        if not info.filename.endswith(".npy"):
            return "is not a NumPy array"
        if info.flag_bits & ENCRYPTED:
            return "is encrypted"
        try:
            head = b""
            for chunk in chunks_of(self._archive, info, HEADER_BYTES):
                head += chunk
                if len(head) >= HEADER_BYTES:
                    break
            header = read_header(io.BytesIO(head))
        except DAMAGED_ARRAY as error:
            return f"is damaged ({first_line(error)})"
        return OBJECTS if header.dtype.hasobject else header


@contextmanager
def open_npz(path: Path, what: str, content: str) -> Iterator[NpzFile]:
    """Open a ``.npz`` file; arguments as for ``load_npy``.

    Raises:
        InputError: it cannot be read or is damaged.
    """
    check_regular(path, what)
    with _damage_of_npz(path), zip_errors():
        archive = zipfile.ZipFile(path)
    with archive:
        with _damage_of_npz(path), zip_errors():
            npz = NpzFile(archive, path, content)
        yield npz


@contextmanager
def _damage_of_npz(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(
            f"{path}: damaged, or not an .npz file as numpy.savez writes it ({error})"
        ) from error


def load_npy(path: Path, what: str, content: str) -> Array:
    """Read the array of a ``.npy`` file.

    Args:
        what, content: the file and its content for messages, such as "a file of boxes" and "boxes".

    Raises:
        InputError: it cannot be read, is damaged or too large, or contains Python objects.
    """
    check_regular(path, what)
    try:
        with path.open("rb") as file:
            return read_array(file, str(path), content)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); pass {what}") from error


def size_error(source: str, size: int, content: str) -> InputError:
    """Return the error for an array that is larger than ``MAX_ARRAY_BYTES``."""
    return InputError(
        f"{source}: {size:,} bytes according to its header, but an array of {content} may have at most "
        f"{MAX_ARRAY_BYTES:,}"
    )


def read_header(file: BinaryIO) -> ArrayHeader:
    """Read the shape and type of an array.

    Raises:
        DAMAGED_ARRAY: the header is damaged, or the array has named fields.
    """
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError("an array with named fields; expected one of numbers")
    shape, _, dtype = readers[version](file)
    if min(shape, default=0) < 0:
        raise ValueError(f"its shape is {shape}")
    return ArrayHeader(shape, dtype)


def read_array(file: BinaryIO, source: str, content: str) -> Array:
    """Read the array of an open ``.npy`` file.

    Raises:
        InputError: it is damaged, truncated or too large, or contains Python objects.
    """
    try:
        header = read_header(file)
        size = header.size
        if header.dtype.hasobject:
            raise InputError(f"{source}: {OBJECTS}; save the {content} as an array of numbers")
        if size > MAX_ARRAY_BYTES:
            raise size_error(source, size, content)
        start = file.tell()
        if file.seek(0, io.SEEK_END) - start < size:
            stored = file.tell() - start
            raise ValueError(f"truncated: {size:,} bytes according to its header, but it has {stored:,}")
        file.seek(0)
        array: Array = np.lib.format.read_array(file, allow_pickle=False)
    except DAMAGED_ARRAY as error:
        raise InputError(
            f"{source}: damaged, or not an array of numbers as numpy.save writes it ({first_line(error)})"
        ) from error
    return array
