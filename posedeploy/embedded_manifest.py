"""Embed a manifest in a model file: an uncompressed ZIP appended to the model, where mobile tools expect
metadata.

A ZIP is read from its end and a flatbuffer from its start, so the file is both. The ZIP contains only the
manifest. Only the exact bytes that ``append`` writes are accepted; any other ZIP with this name is damaged.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from posedeploy.limits import MAX_EMBEDDED_MANIFEST_BYTES

NAME = "posedeploy.json"
"""The name of the manifest in the ZIP."""
_NAME = NAME.encode()
_CHUNK = 1 << 20
_HEADER, _ENTRY, _END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
_BEFORE = _HEADER.size + len(_NAME)
_AFTER = _ENTRY.size + len(_NAME) + _END.size
_VERSION, _UNIX, _MODE = 20, 3 << 8, 0o100600 << 16
_MAX_SIZE = 0xFFFFFFFF
_STORED, _1980 = 0, 0x21
"""Neither compressed nor encrypted, on the first day that a ZIP can record."""


class DamagedError(Exception):
    """The embedded manifest of a model file was changed, truncated or removed in part."""


@dataclass(frozen=True)
class EmbeddedManifest:
    """A manifest in a model file. ``model_size`` is the size of the model before the ZIP, in bytes."""

    content: bytes
    model_size: int


def append(path: Path, content: bytes) -> None:
    """Append a manifest of at most ``MAX_EMBEDDED_MANIFEST_BYTES`` to a model without one. Equal manifests
    have equal bytes."""
    assert len(content) <= MAX_EMBEDDED_MANIFEST_BYTES, "a manifest has about 10,000 bytes"
    with path.open("ab") as stream:
        stream.write(_archive(content, stream.tell()))


def read(path: Path) -> EmbeddedManifest | None:
    """Return the manifest in a model file; None if there is none.

    Raises:
        DamagedError: the bytes of the manifest were changed.
    """
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        tail_size = min(size, _BEFORE + MAX_EMBEDDED_MANIFEST_BYTES + _AFTER)
        stream.seek(size - tail_size)
        embedded = _parse(stream.read(tail_size), size)
        stream.seek(0)
        if embedded is None and _has_name(stream):
            raise DamagedError("its bytes were changed, truncated or added to")
    return embedded


def hash_both(path: Path, model_size: int) -> tuple[str, str]:
    """Return the SHA-256 of the first ``model_size`` bytes of a file, and that of the whole file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while model_size and (chunk := stream.read(min(model_size, _CHUNK))):
            digest.update(chunk)
            model_size -= len(chunk)
        model = digest.hexdigest()
        digest.update(stream.read())
    return model, digest.hexdigest()


def _parse(tail: bytes, size: int) -> EmbeddedManifest | None:
    """Return the manifest in the last bytes of a file of this size; None if it is not as ``append`` writes
    it."""
    if len(tail) < _BEFORE + _AFTER or size > _MAX_SIZE:
        return None
    *_, start = _ENTRY.unpack_from(tail, len(tail) - _AFTER)
    if not 0 < size - start <= len(tail):
        return None
    archive = tail[-(size - start) :]
    content = archive[_BEFORE:-_AFTER]
    return EmbeddedManifest(content, start) if archive == _archive(content, start) else None


def _archive(content: bytes, start: int) -> bytes:
    """Return the ZIP of a manifest that starts at offset ``start`` of a file."""
    sizes = (zlib.crc32(content), len(content), len(content), len(_NAME))
    header = _HEADER.pack(b"PK\3\4", _VERSION, 0, _STORED, 0, _1980, *sizes, 0)
    entry = _ENTRY.pack(
        b"PK\1\2", _UNIX | _VERSION, _VERSION, 0, _STORED, 0, _1980, *sizes, 0, 0, 0, 0, _MODE, start
    )
    middle = start + _BEFORE + len(content)
    end = _END.pack(b"PK\5\6", 0, 0, 1, 1, _ENTRY.size + len(_NAME), middle, 0)
    return header + _NAME + content + entry + _NAME + end


def _has_name(stream: BinaryIO) -> bool:
    """Return whether a file contains the name of the manifest, as both headers of the ZIP do."""
    tail = b""
    while chunk := stream.read(_CHUNK):
        if _NAME in tail + chunk:
            return True
        tail = chunk[-len(_NAME) :]
    return False
