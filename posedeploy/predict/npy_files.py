"""Arrays in NumPy's ``.npy`` format. Python objects in them are never unpickled, and no array is read that is
larger than ``MAX_BYTES`` by its header."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from posedeploy.errors import InputError
from posedeploy.files import DAMAGED
from posedeploy.input_files import check_regular
from posedeploy.types import Array

MAX_BYTES = 512 << 20
"""Of an array: over a million people of 17 joints."""
OBJECTS = "holds Python objects, which posedeploy never unpickles"


def load_npy(path: Path, what: str, content: str) -> Array:
    """Return the array of a ``.npy`` file, which is not of Python objects.

    Args:
        what, content: the file and what it holds, for the messages, such as "a file of boxes" and "boxes".

    Raises:
        InputError: it cannot be read, is damaged, too large or of Python objects.
    """
    check_regular(path, what)
    try:
        with path.open("rb") as file:
            return read_array(file, str(path), content)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name {what}") from error


def too_large(source: str, size: int, content: str) -> InputError:
    """Return the error for an array whose header makes it larger than ``MAX_BYTES``."""
    return InputError(
        f"{source}: {size:,} bytes by its header, and an array of {content} may have {MAX_BYTES:,}"
    )


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type of an array.

    Raises:
        ValueError: it is damaged, or the array has named fields.
    """
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError("an array with named fields; wanted one of numbers")
    shape, _, dtype = readers[version](file)
    return shape, dtype


def read_array(file: BinaryIO, source: str, content: str) -> Array:
    """Return the array of an open ``.npy`` file, whose header must agree with its size.

    Raises:
        InputError: it is damaged, too large or of Python objects.
    """
    try:
        shape, dtype = read_header(file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise InputError(f"{source}: {OBJECTS}; save the {content} as an array of numbers")
        if size > MAX_BYTES:
            raise too_large(source, size, content)
        start = file.tell()
        if file.seek(0, io.SEEK_END) - start < size:
            raise ValueError(f"cut off: {size:,} bytes by its header, and it has {file.tell() - start:,}")
        file.seek(0)
        array: Array = np.lib.format.read_array(file, allow_pickle=False)
    except DAMAGED as error:
        raise InputError(
            f"{source}: damaged, or not an array of numbers as numpy.save writes it ({error})"
        ) from error
    return array
