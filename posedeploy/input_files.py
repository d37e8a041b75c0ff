"""Read files of the user: only regular files, and only up to a limit of size."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from posedeploy.errors import InputError, PoseDeployError

NOT_REGULAR: Mapping[int, str] = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}
"""File types other than regular files. Reading most of them blocks or never ends."""
NONBLOCK = getattr(os, "O_NONBLOCK", 0)


def describe_special_file(status: os.stat_result) -> str | None:
    """Return the file type of this status, such as "a named pipe"; None for a regular file."""
    kind = stat.S_IFMT(status.st_mode)
    return None if kind == stat.S_IFREG else NOT_REGULAR.get(kind, "not a regular file")


def is_apple_double(path: Path) -> bool:
    """Return whether a file is an AppleDouble file of macOS, such as ``._a.png`` for ``a.png``."""
    return path.name.startswith("._")


def path_exists(path: Path) -> bool:
    """Return whether a path exists; False without permission, or for a name that is too long."""
    try:
        return path.exists()
    except OSError:
        return False


def exists_as_file(path: Path) -> bool:
    """Return whether a file exists; False for a name that is too long for the file system."""
    try:
        return path.is_file()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise


def check_regular(path: Path, what: str, error: type[PoseDeployError] = InputError) -> os.stat_result:
    """Return the status of a regular file, without opening anything.

    Args:
        what: a noun phrase for the message, such as "a JSON file of boxes".
        error: the class of the error to raise.

    Raises:
        PoseDeployError: of the class ``error``, for a path that is missing, cannot be examined, or names a
            folder, a named pipe, a device or a socket.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise error(f"{path}: no such file; pass {what}") from None
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror}); pass {what}") from reason
    except ValueError as reason:  # a null character or a lone surrogate, from a library call or a JSON file
        raise error(f"{path}: not a valid file name ({reason}); pass {what}") from reason
    if (kind := describe_special_file(status)) is not None:
        raise error(f"{path}: {kind}, which posedeploy does not read; pass {what} saved as a regular file")
    return status


def read_bytes(
    path: Path, what: str, max_bytes: int | None = None, error: type[PoseDeployError] = InputError
) -> bytes:
    """Return the content of a regular file.

    Raises:
        PoseDeployError: of the class ``error``, for what ``check_regular`` refuses, for a file that cannot be
            read, and for one larger than ``max_bytes``.
    """
    size = check_regular(path, what, error).st_size
    limit = size if max_bytes is None else max_bytes
    try:
        # Nonblocking, in case a named pipe has replaced the file since the check.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | NONBLOCK)) as file:
            if (kind := describe_special_file(os.fstat(file.fileno()))) is not None:
                raise error(f"{path}: {kind} has replaced it, which posedeploy does not read; pass {what}")
            content = file.read(limit + 1) if size <= limit else b""
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror}); pass {what}") from reason
    if max(size, len(content)) > limit:  # some files of /proc are larger than their size
        shown = f"{size:,} bytes" if size > limit else "more bytes than its size"
        raise error(f"{path}: {shown}, but {what} may have at most {limit:,}; pass a smaller file")
    return content
