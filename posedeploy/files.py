"""Hash files, and write them atomically."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from posedeploy.errors import OutputError
from posedeploy.staging.file_lock import reason
from posedeploy.staging.work_folder import IN_PLACE, UNCHANGED, WorkFolder

WRITING = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EIO, errno.ENAMETOOLONG,
}  # fmt: skip
"""Errors of failed writes whose ``OSError`` does not name the file."""

MAX_NAME_BYTES = 255
"""The limit of common file systems."""
MAX_ATTEMPTS = 10


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def size(path: Path) -> int:
    """Return the size in bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(inner.stat().st_size for inner in path.rglob("*") if inner.is_file())
    return path.stat().st_size


@contextmanager
def staged(folder: Path, outdated: Callable[[], Collection[str]] = tuple) -> Iterator[Path]:
    """Yield a new empty folder inside ``folder``. At the end of the block, its files replace those with the
    same name in ``folder``, and the files that ``outdated`` returns are removed.

    The replacement is atomic for the whole set of files, even if the process is killed
    (``staging/journal.py``). If the block raises, Ctrl-C included, ``folder`` is unchanged. A missing
    ``folder`` is created, and removed again on failure. Several writers may use one folder: their
    replacements are serialized. An ``OSError`` that is not about writing to the folder is raised unchanged.

    Raises:
        OutputError: the folder cannot be created or written, the disk is full, or another run does not
            release the folder.
    """
    created: list[Path] = []
    try:
        work = _work_folder(folder, created)
    except OSError as error:
        _remove_empty(created)
        raise OutputError(f"{folder}: cannot write here ({reason(error)}); choose another folder") from error
    try:
        with _discarding(work):
            yield work.new
            work.commit(outdated, folder)
            created = []
    except OSError as error:
        if not _is_about_writing(error, work):
            raise
        raise OutputError(f"{folder}: writing failed ({error.strerror or error}); {UNCHANGED}") from error
    except KeyboardInterrupt as pressed:
        if not work.is_committed:
            raise
        raise KeyboardInterrupt(f"{folder}: {IN_PLACE}") from pressed
    finally:
        _remove_empty(created)


@contextmanager
def created_folder(folder: Path) -> Iterator[None]:
    """Create a folder, unless it exists. If nothing is in it at the end of the block, remove it again.

    Raises:
        OutputError: the folder cannot be created.
    """
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_empty(created)
        raise OutputError(f"{folder}: cannot write here ({reason(error)}); choose another folder") from error
    try:
        yield
    finally:
        _remove_empty(created)


@contextmanager
def _discarding(work: WorkFolder) -> Iterator[None]:
    try:
        yield
    finally:
        work.discard()


def _work_folder(folder: Path, created: list[Path]) -> WorkFolder:
    """Create a work folder, and first the missing part of ``folder``, which is added to ``created``."""
    for attempt in range(MAX_ATTEMPTS):
        created[:] = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return WorkFolder(folder.absolute())
        except FileNotFoundError:  # another run failed and removed the folder that it had created
            if attempt == MAX_ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt raises")


def _is_about_writing(error: OSError, work: WorkFolder) -> bool:
    if error.filename is None:
        return error.errno in WRITING
    names = [Path(str(name)) for name in (error.filename, error.filename2) if name is not None]
    return any(work.contains(name) for name in names)


def _remove_empty(folders: list[Path]) -> None:
    """Remove the existing empty folders among these, which are sorted from the innermost."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically.

    Raises:
        OutputError: it cannot be written.
    """
    with staged(path.parent) as stage:
        (stage / path.name).write_text(text, encoding="utf-8")
