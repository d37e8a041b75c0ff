"""Joints in MATLAB files up to version 7, which SciPy reads in a child process. Version 7.3 is HDF5."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

from posedeploy import plugins
from posedeploy.errors import InputError
from posedeploy.input_files import check_regular, read_bytes
from posedeploy.isolation.arrays import read_arrays
from posedeploy.isolation.messages import describe_failure, memory_hint
from posedeploy.isolation.tasks import ChildFailedError, free_memory, run_task, work_folder
from posedeploy.limits import MAX_ARRAY_BYTES
from posedeploy.npy_files import HEADER_BYTES, size_error
from posedeploy.predict.joint_files.joint_arrays import JOINTS, WHAT, from_arrays
from posedeploy.predict.joint_files.joint_content import RawJoints
from posedeploy.types import Array
from posedeploy.zip_files import CHUNK

NUMERIC = {"double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"}
BYTES_OF_A_NUMBER = 8
VARIABLES_AT, COMPRESSED = 128, 15
"""The offset of the first variable in a file, and the type of a compressed one."""
TASK = "posedeploy.predict.joint_files.matlab_task"
ARRAY = "array"
"""The name of the array files that the child process writes."""
TIME_LIMIT_S = 120.0
"""Importing SciPy and reading the largest array takes a few seconds."""


def read_mat(path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    """Return the joints of a ``.mat`` file: (joints, 2 or 3), (people, joints, 2 or 3), or the same with
    reversed axes, as is usual in MATLAB.

    Raises:
        InputError: the file is damaged or too large, or not exactly one array has the shape of joints.
        MissingPackageError: SciPy is not installed.
        OutputError: no temporary folder can be written.
    """
    check_regular(path, WHAT)
    plugins.module("scipy")
    with work_folder(f"reading {path.name}") as work:
        listed = _run("describe", path, work)
        shapes = {name: _joint_shape(tuple(shape)) for name, shape, kind in listed if kind in NUMERIC}
        refusals = {name: f"is a {kind}" for name, _, kind in listed if kind not in NUMERIC}

        def load(name: str) -> Array:
            size = math.prod(shapes[name]) * BYTES_OF_A_NUMBER
            if size > MAX_ARRAY_BYTES:
                raise size_error(f"{path}: {name}", size, JOINTS)
            names = [each for each, _, _ in listed]
            _check_unpacked(path, f"{path}: {name}", names.index(name), len(names))
            _run("load", path, work, name=name)
            (array,) = read_arrays(work, ARRAY, 0)
            return array if array.shape == shapes[name] else array.T

        return from_arrays(shapes, load, path, key, refusals, sequence=sequence)


def _check_unpacked(path: Path, source: str, number: int, count: int) -> None:
    """Check the unpacked size of a compressed variable, as SciPy unpacks more than its header declares.

    Args:
        number: the index of the variable. count: the number of variables.

    Raises:
        InputError: the unpacked variable is larger than an array may be.
    """
    content = read_bytes(path, WHAT)
    order = ">" if content[126:128] == b"MI" else "<"
    elements, at = [], VARIABLES_AT
    while content.startswith(b"MATLAB 5.0") and at + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, at)
        elements.append(content[at + 8 : at + 8 + size] if kind == COMPRESSED else b"")
        at += 8 + size
    for packed in elements[number : number + 1] if len(elements) == count else elements:
        unpacker, size = zlib.decompressobj(), 0
        try:
            while packed and size <= MAX_ARRAY_BYTES + HEADER_BYTES:
                size += len(unpacker.decompress(packed, CHUNK))
                packed = unpacker.unconsumed_tail
        except zlib.error as error:
            raise _damage_error(path, f"zlib.error: {error}") from error
        if size > MAX_ARRAY_BYTES + HEADER_BYTES:
            raise InputError(
                f"{source}: too large when unpacked; expected at most {MAX_ARRAY_BYTES:,} bytes for an array "
                f"of {JOINTS}"
            )


def _run(function: str, path: Path, work: Path, **argument: str) -> Any:
    try:
        return run_task(
            f"{TASK}:{function}",
            {"path": str(path.absolute()), **argument},
            work,
            time_limit_s=TIME_LIMIT_S,
            memory_limit=free_memory(),
        )
    except ChildFailedError as failure:
        if failure.is_out_of_memory or failure.kind == "not started":
            raise InputError(
                f"{path}: SciPy cannot read it: its process {describe_failure(failure)}; "
                f"{memory_hint(failure)}, or save the file again if it is damaged"
            ) from failure
        # SciPy's parser fails on a damaged file, or crashes.
        raise _damage_error(path, f"{failure.error_type or 'SciPy'}: {failure.reason}") from failure


def _damage_error(path: Path, reason: str) -> InputError:
    return InputError(f"{path}: damaged, or not a MATLAB file up to version 7 ({reason}); save it again")


def _joint_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return (people, joints, 2 or 3) for (2 or 3, joints, people)."""
    is_reversed = len(shape) in (2, 3, 4) and shape[0] in (2, 3) and shape[-1] not in (2, 3)
    return shape[::-1] if is_reversed else shape
