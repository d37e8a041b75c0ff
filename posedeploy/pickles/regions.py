"""Ranges of bytes in an open file, read by position."""

from __future__ import annotations

import errno
import io
from typing import BinaryIO, cast

import numpy as np

from posedeploy.pickles.values import PickleError
from posedeploy.types import Array

BUFFER = 1 << 16


class FileRegion:
    """``size`` bytes of a file from ``start`` on. The caller keeps the file open."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self.file = file
        self.start = start
        self.size = size

    def part(self, start: int, size: int) -> FileRegion:
        """Return a range within this one.

        Raises:
            PickleError: it exceeds this one.
        """
        if not 0 <= start <= start + size <= self.size:
            raise PickleError("it is truncated")
        return FileRegion(self.file, self.start + start, size)

    def fill(self, buffer: memoryview, offset: int = 0) -> int:
        """Read into a buffer from an offset on; return the number of bytes, smaller only at the end."""
        total, done = min(len(buffer), max(0, self.size - offset)), 0
        self.file.seek(self.start + offset)
        while done < total:
            count = self.file.readinto(buffer[done:total])  # type: ignore[attr-defined]
            if not count:
                break
            done += count
        return done

    def array(self, start: int, size: int) -> Array:
        """Read bytes into a new array of uint8.

        Raises:
            PickleError: they exceed this range or the file.
        """
        part = self.part(start, size)
        content = np.empty(size, np.uint8)
        if size and part.fill(memoryview(content.data)) != size:
            raise PickleError("it is truncated")
        return content

    def head(self, size: int) -> bytes:
        """Read at most ``size`` bytes from the beginning."""
        return bytes(self.array(0, min(size, self.size)))

    def stream(self, start: int = 0) -> BinaryIO:
        """Return a stream that is positioned at an offset."""
        stream = io.BufferedReader(cast(io.RawIOBase, _Raw(self)), BUFFER)
        stream.seek(start)
        return stream


class _Raw(io.RawIOBase):
    def __init__(self, region: FileRegion) -> None:
        super().__init__()
        self.region = region
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.region.size}
        if bases[whence] + offset < 0:
            raise OSError(errno.EINVAL, "a position before the start")  # zipfile expects OSError
        self.position = bases[whence] + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self.region.fill(memoryview(buffer), self.position)
        self.position += count
        return count
