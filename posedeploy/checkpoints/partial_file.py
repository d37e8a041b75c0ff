"""A partly downloaded file: only one process at a time writes it, and never through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from posedeploy.errors import DownloadError, OutputError

try:
    import fcntl
except ImportError:  # Windows, which lets one process at a time open a file like this anyway
    fcntl = None  # type: ignore[assignment]


class Version(msgspec.Struct, frozen=True):
    """A version of a file on a server: its address, its ETag or date, and its size in bytes if known."""

    url: str
    validator: str
    total: int | None


class PartialFile:
    """``NAME.part``, open and locked, and ``NAME.part.etag`` with its ``Version``."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path = path
        self._stream = stream
        self._state = path.with_name(path.name + ".etag")

    @property
    def size(self) -> int:
        """The number of bytes received."""
        return os.fstat(self._stream.fileno()).st_size

    def version(self, url: str) -> Version | None:
        """Return the version that these bytes belong to; None if they are not known to be from ``url``."""
        try:
            with _open_regular(self._state, os.O_RDONLY) as stream:
                version = msgspec.json.decode(stream.read(1 << 16), type=Version)
        except (FileNotFoundError, ValueError, RecursionError):  # not JSON, not UTF-8, or nested too deep
            return None
        return version if version.url == url and self.size else None

    def restart(self, version: Version | None) -> None:
        """Drop the received bytes and record the version of the next ones; None if it cannot be resumed."""
        self._stream.truncate(0)
        self._state.unlink(missing_ok=True)
        if version is not None:
            with _open_regular(self._state, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as stream:
                stream.write(msgspec.json.encode(version))

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end."""
        self._stream.seek(0, os.SEEK_END)
        self._stream.write(chunk)
        self._stream.flush()

    def move_to(self, path: Path) -> None:
        """Give the whole file its name."""
        os.fsync(self._stream.fileno())
        self.path.replace(path)
        self._state.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the part and its version."""
        self.path.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)


@contextmanager
def partial_file(path: Path) -> Iterator[PartialFile]:
    """Open and lock a part, which may hold bytes of an earlier download; remove it at the end if it is empty.

    Raises:
        DownloadError: another process is writing it.
        OutputError: it is a link, a folder or a device.
        OSError: it cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT
    with _open_regular(path, flags) as stream:
        _lock(path, stream)
        part = PartialFile(path, stream)
        try:
            yield part
        finally:
            with suppress(OSError):
                if not part.size:
                    part.remove()


def _lock(path: Path, stream: BinaryIO) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = os.path.samestat(os.fstat(stream.fileno()), path.lstat())
    except (BlockingIOError, FileNotFoundError):
        same = False
    if not same:  # locked, or renamed by a process that held the lock until now
        raise DownloadError(f"{path}: another process is downloading it; wait until it ends and try again")


def _open_regular(path: Path, flags: int) -> BinaryIO:
    """Open a regular file, not through a link.

    Raises:
        OutputError: it is a link, a folder or a device.
    """
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if path.is_symlink():
        raise OutputError(_NO_LINK.format(path))
    descriptor = os.open(path, flags, 0o666)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        raise OutputError(_NO_LINK.format(path))
    return os.fdopen(descriptor, "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb")


_NO_LINK = "{}: a link, a folder or a device, and a download needs a regular file; delete it"
