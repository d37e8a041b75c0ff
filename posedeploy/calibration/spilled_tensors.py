"""A sequence of tensors in a temporary file, so that memory does not grow with their number."""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Sequence
from typing import overload

import numpy as np

from posedeploy.errors import OutputError
from posedeploy.types import Tensors


class SpilledTensors(Sequence[Tensors]):
    """Tensors that are read from a temporary file when they are used. Append before reading."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the sequence
        weakref.finalize(self, self._file.close)
        self._entries: list[list[tuple[str, str, tuple[int, ...], int]]] = []
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content of all tensors, in order."""
        return self._hash.hexdigest()

    def append(self, tensors: Tensors) -> None:
        """Write tensors to the end of the file.

        Raises:
            OutputError: the folder for temporary files is full.
        """
        entry = []
        for name, array in tensors.items():
            entry.append((name, array.dtype.name, array.shape, self._file.seek(0, os.SEEK_END)))
            content = array.tobytes()
            self._hash.update(content)
            try:
                self._file.write(content)
            except OSError as error:
                raise OutputError(
                    f"{tempfile.gettempdir()}: the calibration inputs cannot be written ({error.strerror}); "
                    "free some space, set TMPDIR to another folder, or use fewer `calibration_images`"
                ) from error
        self._entries.append(entry)

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Tensors: ...

    @overload
    def __getitem__(self, index: slice) -> list[Tensors]: ...

    def __getitem__(self, index: int | slice) -> Tensors | list[Tensors]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        tensors = {}
        for name, dtype, shape, offset in self._entries[index]:
            self._file.seek(offset)
            count = int(np.prod(shape))
            tensors[name] = np.fromfile(self._file, dtype, count).reshape(shape)
        return tensors
