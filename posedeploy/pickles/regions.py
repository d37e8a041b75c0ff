"""A range of bytes of an open file, read by position, so that only what is needed is read."""

from __future__ import annotations

import errno
import io
from typing import BinaryIO, cast

import numpy as np

from posedeploy.pickles.values import PickleError
from posedeploy.types import Array

BUFFER = 1 << 16


class Region:
    """``size`` bytes of a file from ``start`` on; the file stays open as long as it is used."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self.file = file
        self.start = start
        self.size = size

    def part(self, start: int, size: int) -> Region:
        """A range within this one.

        Raises:
            PickleError: it ends outside.
        """
        if not 0 <= start <= start + size <= self.size:
            raise PickleError("it is cut off")
        return Region(self.file, self.start + start, size)

    def fill(self, buffer: memoryview, offset: int = 0) -> int:
        """Read into a buffer from an offset on; the number of bytes read, fewer only at the end."""
        wanted, done = min(len(buffer), max(0, self.size - offset)), 0
        self.file.seek(self.start + offset)
        while done < wanted:
            count = self.file.readinto(buffer[done:wanted])  # type: ignore[attr-defined]
            if not count:
                break
            done += count
        return done

    def array(self, start: int, size: int) -> Array:
        """Bytes of it as an array of uint8 that is the caller's.

        Raises:
            PickleError: they are not all there.
        """
        part = self.part(start, size)
        content = np.empty(size, np.uint8)
        if size and part.fill(memoryview(content.data)) != size:
            raise PickleError("it is cut off")
        return content

    def head(self, size: int) -> bytes:
        """Its first bytes, or all where it has fewer."""
        return bytes(self.array(0, min(size, self.size)))

    def stream(self, start: int = 0) -> BinaryIO:
        """A stream of it, from an offset on."""
        stream = io.BufferedReader(cast(io.RawIOBase, _Raw(self)), BUFFER)
        stream.seek(start)
        return stream


class _Raw(io.RawIOBase):
    def __init__(self, region: Region) -> None:
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
            raise OSError(errno.EINVAL, "a position before the start")  # which zipfile expects
        self.position = bases[whence] + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self.region.fill(memoryview(buffer), self.position)
        self.position += count
        return count
