"""File locks, which the operating system releases when their holder ends, even if it is killed."""

from __future__ import annotations

import errno
import os
import platform
import stat
import sys
import time
import weakref
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType

import msgspec

from posedeploy.errors import OutputError
from posedeploy.input_files import read_bytes

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_HELD_ELSEWHERE = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_LOCKED_BYTE = 1 << 30
"""Past the text in the file, because Windows lets no process read a locked byte."""
MAX_RECORD_BYTES = 4096
WAIT_S, POLL_S = 30.0, 0.01


class Holder(msgspec.Struct):
    """The process that holds a lock, as the lock file records it."""

    pid: int
    command: str
    host: str
    since: str

    def __str__(self) -> str:
        host = "" if self.host == platform.node() else f" on {self.host}"
        return f"process {self.pid}{host} ({self.command}, since {self.since})"


class FileLock:
    """A lock that this process, but no forked child, holds on a file until ``release`` or its end."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        _HELD.add(self)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the file and release the lock."""
        with suppress(OSError):  # the next holder reuses a file that remains
            if sys.platform != "win32":  # Windows cannot remove an open file
                self.path.unlink()
        self.release()
        if sys.platform == "win32":
            with suppress(OSError):
                self.path.unlink()

    def release(self) -> None:
        """Release the lock. Further calls do nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        if sys.platform != "win32":  # closing is not enough while a child that is starting has the descriptor
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        with suppress(OSError):
            os.close(descriptor)

    def __del__(self) -> None:
        self.release()

    def _forget(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)


_HELD: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _leave_to_the_parent() -> None:
    for lock in list(_HELD):
        lock._forget()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_leave_to_the_parent)


def try_lock(path: Path) -> FileLock | None:
    """Lock a file, which is created if it is missing. Return None if another process holds its lock.

    Raises:
        OSError: the file cannot be opened, or its file system has no locks.
    """
    while True:
        descriptor = _open(path)
        lock = FileLock(path, descriptor)  # closes the descriptor, even after an error
        if not _lock(descriptor):
            lock.release()
            return None
        if _is_named(descriptor, path):
            _record(descriptor)
            return lock
        lock.release()  # the holder has removed the file, so its lock protects nothing


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock of a file. A missing file has no holder.

    Raises:
        OSError: the file cannot be opened.
    """
    try:
        descriptor = _open_regular(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    lock = FileLock(path, descriptor)
    try:
        return not _lock(descriptor, shared=True)
    finally:
        lock.release()


def holder_of(path: Path) -> Holder | None:
    """Return the process that holds or last held a lock, from the record in its file; None without one."""
    try:
        record = read_bytes(path, "a lock file", MAX_RECORD_BYTES, OutputError)
        return msgspec.json.decode(record, type=Holder)
    except (OutputError, ValueError, RecursionError):
        return None


def wait_for_lock(path: Path, purpose: str) -> FileLock:
    """Lock a file as soon as its holder releases it.

    Args:
        purpose: what the holder is doing, for the message.

    Raises:
        OutputError: the holder does not release it within ``WAIT_S``.
        OSError: as ``try_lock``.
    """
    deadline = time.monotonic() + WAIT_S
    while (lock := try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise OutputError(
                f"{path.parent}: {holder_of(path) or 'another process'} has been {purpose} for over "
                f"{WAIT_S:g} s; end it, or wait until it ends, and run the command again"
            )
        time.sleep(POLL_S)
    return lock


def reason(error: OSError) -> str:
    """Return the error of the operating system, and its meaning for locks."""
    if error.errno in _UNSUPPORTED:
        return f"its file system has no file locks: {error.strerror}"
    return error.strerror or str(error)


def _open(path: Path) -> int:
    try:
        return _open_regular(path, os.O_RDWR | os.O_CREAT)
    except PermissionError as error:
        # A killed run of another user left the file in a shared folder. A lock needs read access only.
        try:
            return _open_regular(path, os.O_RDONLY)
        except FileNotFoundError:
            raise error from None


def _open_regular(path: Path, flags: int) -> int:
    """Open a regular file. Refuse links, and pipes, whose reading may never end."""
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return descriptor


def _lock(descriptor: int, shared: bool = False) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_ELSEWHERE:
            return False
        raise
    return True


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _record(descriptor: int) -> None:
    """Write the holder of the lock to its file, if possible."""
    since = datetime.now().astimezone().isoformat(" ", "seconds")
    holder = Holder(os.getpid(), _command(), platform.node(), since)
    with suppress(OSError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, msgspec.json.encode(holder)[:MAX_RECORD_BYTES])


def _command() -> str:
    """Return the program and its subcommand. Other arguments may be secrets."""
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    if program in ("__main__.py", "posedeploy") and len(sys.argv) > 1:
        program = f"posedeploy {sys.argv[1]}"
    return program.encode(errors="replace").decode()
