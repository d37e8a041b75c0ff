"""Files on disk: hashes, and writing whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from posedeploy.errors import OutputError


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new empty folder inside ``folder``, whose files replace those of the same name when the block ends.

    When the block raises (Ctrl-C too) nothing of it remains and what stood before is untouched. ``folder`` is
    created where it is missing. An ``OSError`` about a file elsewhere passes through as it is.

    Raises:
        OutputError: the folder cannot be made or written, or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".posedeploy-", dir=folder.absolute()))
    except OSError as error:
        raise OutputError(f"{folder}: cannot write here ({error.strerror}); name another folder") from error
    try:
        yield stage
        _put_in_place(stage, folder)
    except OSError as error:
        if error.filename is not None and stage not in Path(error.filename).absolute().parents:
            raise
        raise OutputError(
            f"{folder}: writing failed ({error.strerror or error}); nothing was left half-written, and what "
            "stood there before is as it was"
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _put_in_place(stage: Path, folder: Path) -> None:
    written = sorted(stage.iterdir())
    for path in written:
        if (folder / path.name).is_dir():
            raise OutputError(f"{folder / path.name}: a folder is in the way; move it, or write elsewhere")
    for path in written:
        path.replace(folder / path.name)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with staged(path.parent) as stage:
        (stage / path.name).write_text(text, encoding="utf-8")
