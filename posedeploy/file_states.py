"""Detect changes of a file after it was hashed, by the metadata of the file system."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20


@dataclass(frozen=True)
class FileState:
    """Metadata that changes if a file is written to, replaced, renamed, or linked elsewhere.

    file: device, inode, size in bytes, and the times of the last change of content and status in ns.
    link: the same of the path itself, which may be a symbolic link.
    """

    file: tuple[int, ...]
    link: tuple[int, ...]


def state_of(path: Path) -> FileState:
    """Return the state of a file.

    Raises:
        OSError: it is missing, or cannot be examined.
    """
    return FileState(_identity(path.stat()), _identity(path.lstat()))


def hash_file(path: Path) -> tuple[str, FileState]:
    """Return the SHA-256 of a file, and its state before it was opened. While the state is unchanged, the
    hash is valid.

    Raises:
        OSError: it cannot be read.
    """
    state = state_of(path)
    with path.open("rb") as stream:
        return hash_stream(stream, path.stat().st_size), state


def hash_stream(stream: BinaryIO, size: int) -> str:
    """Return the SHA-256 of a stream of ``size`` bytes.

    Raises:
        OSError: it cannot be read, or has more bytes, as some files of /proc have, of which some never end.
    """
    digest = hashlib.sha256()
    while size > 0 and (chunk := stream.read(min(size, CHUNK))):
        digest.update(chunk)
        size -= len(chunk)
    if stream.read(1):
        raise OSError(errno.EIO, "it has more bytes than its size")
    return digest.hexdigest()


def _identity(status: os.stat_result) -> tuple[int, ...]:
    # A rename changes only the time of the status, so a file that was moved away and back differs.
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
