"""The headers of animated PNG, WebP and AVIF files."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

PNG, WEBP = b"\x89PNG\r\n\x1a\n", b"RIFF"
_ANIMATED = 2
"""The flag of an animation in a WebP file's ``VP8X`` chunk."""


def is_animated_png(path: Path) -> bool:
    """Return whether a file is a PNG that declares more than one frame; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(PNG)) == PNG and has_png_frames(file)
    except OSError:
        return False


def has_png_frames(file: BinaryIO) -> bool:
    """Return whether a PNG declares more than one frame, in a chunk before its first image."""
    at = len(PNG)
    while len(head := _read(file, at, 12)) == 12:
        length, kind, first = struct.unpack(">I4sI", head)
        if kind == b"acTL":
            return bool(first > 1)
        if kind == b"IDAT":
            return False
        at += 12 + length
    return False


def has_webp_frames(file: BinaryIO) -> bool:
    """Return whether a WebP has more than one frame, or is an animation that is cut off."""
    head = _read(file, 0, 21)
    if len(head) < 21 or head[8:16] != b"WEBPVP8X" or not head[20] & _ANIMATED:
        return False
    end = min(8 + int.from_bytes(head[4:8], "little"), file.seek(0, os.SEEK_END) + 1)  # odd sizes are padded
    at, frames = 12, 0
    while at < end and len(chunk := _read(file, at, 8)) == 8:
        kind, length = struct.unpack("<4sI", chunk)
        frames += kind == b"ANMF"
        at += 8 + length + length % 2
        if frames > 1 or at > end + 1:
            return True
    return False


def avif_bits(content: bytes) -> int:
    """Return the bits per sample of an AVIF, from its AV1 configuration."""
    at = content.find(b"av1C")
    if at < 0 or at + 6 >= len(content) or not content[at + 6] & 0x40:
        return 8
    return 12 if content[at + 6] & 0x20 else 10


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
