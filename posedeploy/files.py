"""Files on disk: hashes, and writing whole or not at all."""

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
"""What an operating system says of a write that fails, where it does not say of which file."""

MAX_NAME_BYTES = 255
"""Of a file's name, on the file systems that are in use."""
MAX_ATTEMPTS = 10


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(inner.stat().st_size for inner in path.rglob("*") if inner.is_file())
    return path.stat().st_size


@contextmanager
def staged(folder: Path, outdated: Callable[[], Collection[str]] = tuple) -> Iterator[Path]:
    """A new empty folder inside ``folder``, whose files replace those of the same name when the block ends;
    those whose names ``outdated`` returns then are removed.

    At every moment either all old files or all new ones are found, whatever ends the process
    (``staging/journal.py``). When the block raises (Ctrl-C too), nothing of it remains and what stood before
    is untouched. ``folder`` is created where it is missing, and removed again when the block fails. Several
    writers may use one folder at once: each puts its set in place as a whole, one after the other. An
    ``OSError`` that is not about writing here passes through as it is.

    Raises:
        OutputError: the folder cannot be made or written, the disk is full, or another run does not release
            the folder.
    """
    made: list[Path] = []
    try:
        work = _work_folder(folder, made)
    except OSError as error:
        _remove_empty(made)
        raise OutputError(f"{folder}: cannot write here ({reason(error)}); name another folder") from error
    try:
        with _discarding(work):
            yield work.new
            work.commit(outdated, folder)
            made = []
    except OSError as error:
        if not _is_about_writing(error, work):
            raise
        raise OutputError(f"{folder}: writing failed ({error.strerror or error}); {UNCHANGED}") from error
    except KeyboardInterrupt as pressed:
        if not work.is_committed:
            raise
        raise KeyboardInterrupt(f"{folder}: {IN_PLACE}") from pressed
    finally:
        _remove_empty(made)


@contextmanager
def _discarding(work: WorkFolder) -> Iterator[None]:
    try:
        yield
    finally:
        work.discard()


def _work_folder(folder: Path, made: list[Path]) -> WorkFolder:
    """Make a work folder, and first what is missing of ``folder``, which is added to ``made``."""
    for attempt in range(MAX_ATTEMPTS):
        made[:] = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return WorkFolder(folder.absolute())
        except FileNotFoundError:  # another run, which failed, removed the folder that it had made
            if attempt == MAX_ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt raises")


def _is_about_writing(error: OSError, work: WorkFolder) -> bool:
    if error.filename is None:
        return error.errno in WRITING
    names = [Path(str(name)) for name in (error.filename, error.filename2) if name is not None]
    return any(work.contains(name) for name in names)


def _remove_empty(folders: list[Path]) -> None:
    """Remove those of these folders, the inner ones first, that exist and hold nothing."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with staged(path.parent) as stage:
        (stage / path.name).write_text(text, encoding="utf-8")
