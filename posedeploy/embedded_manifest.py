"""A manifest inside a model file: an uncompressed ZIP behind the model, where mobile tools look for it.

A ZIP is read from its end and a flatbuffer from its beginning, so one file is both.
"""

from __future__ import annotations

import hashlib
import mmap
import zipfile
from dataclasses import dataclass
from pathlib import Path

NAME = "posedeploy.json"
"""What the manifest is called in the ZIP."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Inside:
    """A manifest found in a model file. ``model_size`` is where the model ends and the ZIP begins, in
    bytes."""

    content: bytes
    model_size: int


def append(path: Path, content: bytes) -> None:
    """Put a manifest behind a model that has none yet. The same manifest always gives the same bytes."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(NAME), content)


def read(path: Path) -> Inside | None:
    """The manifest in a model file; None where there is none.

    Raises:
        zipfile.BadZipFile: there is one, and its bytes are not those that were written; or there was one.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        if _is_named_in(path):
            raise zipfile.BadZipFile("the file is cut off, or was written over at its end") from None
        return None
    with archive:
        if NAME not in archive.namelist():
            return None
        return Inside(archive.read(NAME), min(entry.header_offset for entry in archive.infolist()))


def _is_named_in(path: Path) -> bool:
    """Whether the model's own metadata say that a manifest is behind it."""
    with path.open("rb") as stream:
        if not stream.read(1):
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(NAME.encode()) >= 0


def sha256(path: Path, size: int) -> str:
    """The SHA-256 of the first ``size`` bytes of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while size > 0 and (chunk := stream.read(min(size, _CHUNK))):
            digest.update(chunk)
            size -= len(chunk)
    return digest.hexdigest()
