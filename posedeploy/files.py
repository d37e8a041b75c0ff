"""Files on disk: hashes, and writing whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from posedeploy.errors import OutputError
from posedeploy.input_files import not_regular

WRITING = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EIO, errno.ENAMETOOLONG,
}  # fmt: skip
"""What an operating system says of a write that fails, where it does not say of which file."""

MAX_NAME_BYTES = 255
"""Of a file's name, on the file systems that are in use."""


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
    those whose names ``outdated`` gives then go too.

    When the block raises (Ctrl-C too) nothing of it remains and what stood before is untouched. ``folder`` is
    created where it is missing, and then goes again with a block that fails. An ``OSError`` that is not about
    writing here passes through as it is.

    Raises:
        OutputError: the folder cannot be made or written, or the disk is full.
    """
    made: list[Path] = []
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".posedeploy-", dir=folder.absolute()))
    except OSError as error:
        _remove_empty(made)
        raise OutputError(f"{folder}: cannot write here ({error.strerror}); name another folder") from error
    new, old = work / "new", work / "old"
    try:
        new.mkdir()
        old.mkdir()
        yield new
        _put_in_place(new, old, folder, outdated)
        made = []
    except OSError as error:
        if not _about_writing(error, work):
            raise
        raise OutputError(
            f"{folder}: writing failed ({error.strerror or error}); nothing was left half-written, and what "
            "stood there before is as it was"
        ) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
        _remove_empty([old, work, *made])


def _about_writing(error: OSError, work: Path) -> bool:
    if error.filename is None:
        return error.errno in WRITING
    names = [Path(str(name)).absolute() for name in (error.filename, error.filename2) if name is not None]
    return any(work in name.parents for name in names)


def _remove_empty(folders: list[Path]) -> None:
    """Remove those of these folders, the inner ones first, that are there and hold nothing."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _put_in_place(new: Path, old: Path, folder: Path, outdated: Callable[[], Collection[str]]) -> None:
    """Move what is in ``new`` to ``folder``: all of it, or, where anything ends it, nothing."""
    written = sorted(path.name for path in new.iterdir())
    for name in written:
        if (folder / name).exists() and (kind := not_regular((folder / name).stat())) is not None:
            raise OutputError(f"{folder / name}: {kind} is in the way; move it, or write elsewhere")
    try:
        for name in {*written, *outdated()}:
            if os.path.lexists(folder / name):
                (folder / name).replace(old / name)
        for name in written:
            (new / name).replace(folder / name)
    except BaseException:
        _put_back(written, new, old, folder)
        raise
    for path in old.iterdir():
        path.unlink()


def _put_back(written: list[str], new: Path, old: Path, folder: Path) -> None:
    for name in written:
        if not os.path.lexists(new / name):
            (folder / name).unlink()
    for path in old.iterdir():
        path.replace(folder / path.name)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with staged(path.parent) as stage:
        (stage / path.name).write_text(text, encoding="utf-8")
