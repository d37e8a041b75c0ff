"""Write a reference file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from posedeploy import files
from posedeploy.benchmarks.inputs import VideoFrame
from posedeploy.benchmarks.reference_file import KEY, ReferenceDocument, StoredInput, digest_of
from posedeploy.errors import OutputError
from posedeploy.types import Array

DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16",
    "int8": "I8", "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
"""The names of NumPy's dtypes in safetensors files."""


def write_reference(path: Path, document: ReferenceDocument, inputs: Iterable[StoredInput]) -> None:
    """Write a reference file; one input is in memory at a time.

    Args:
        document: its ``names``, ``digests`` and ``frames`` are replaced by those of the inputs.

    Raises:
        OutputError: the file cannot be written.
    """
    entries: dict[str, Any] = {}
    names, digests = list[str](), list[str]()
    frames = list[VideoFrame | None]()
    with files.staged(path.parent) as stage, tempfile.TemporaryFile(dir=stage) as spilled:
        for number, stored in enumerate(inputs):
            arrays = stored.arrays(number)
            names.append(stored.name)
            frames.append(stored.frame)
            digests.append(digest_of(arrays))
            for name, array in arrays.items():
                check_dtype(name, array.dtype.name)
                entries[name] = _append(spilled, array)
        placed = tuple(frames) if any(frames) else ()
        document = replace(document, names=tuple(names), digests=tuple(digests), frames=placed)
        entries["__metadata__"] = {KEY: msgspec.json.encode(document).decode()}
        header = json.dumps(entries, separators=(",", ":")).encode()
        header += b" " * (-len(header) % 8)
        spilled.seek(0)
        with (stage / path.name).open("wb") as stream:
            stream.write(len(header).to_bytes(8, "little") + header)
            while block := spilled.read(1 << 20):
                stream.write(block)


def check_dtype(name: str, dtype: str) -> None:
    """Check that a reference file can have a tensor of this type.

    Raises:
        OutputError: it cannot.
    """
    if dtype not in DTYPES:
        raise OutputError(
            f"{name}: a tensor of {dtype}, which a reference file cannot have; convert it to another type in "
            "the network, or leave out `save_reference`"
        )


def _append(stream: BinaryIO, array: Array) -> dict[str, Any]:
    """Write an array to the end of the data, and return its entry in the header."""
    start = stream.tell()
    stream.write(np.ascontiguousarray(array).data)
    return {
        "dtype": DTYPES[array.dtype.name],
        "shape": list(array.shape),
        "data_offsets": [start, stream.tell()],
    }
