"""Change binary formats: write extreme numbers, move blocks, keep checksums correct."""

from __future__ import annotations

import random
import struct
import zlib
from typing import Literal

NUMBERS = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    1 << 20,
    1 << 28,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)
ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
HEAD = 512
"""The size of the start and the end of a file, where most fields are."""


def change_fields(content: bytes, rng: random.Random) -> bytes:
    """Overwrite a few fields with extreme numbers, most of them near the start or the end."""
    changed = bytearray(content or b"\0")
    for _ in range(rng.choice((1, 1, 2, 3))):
        size = rng.choice((1, 2, 4, 4, 8))
        place = _place(len(changed), rng)
        if rng.random() < 0.3:
            old = int.from_bytes(changed[place : place + size], rng.choice(ORDERS))
            number = old + rng.choice((-1, 1, -8, 8, 256, -256))
        else:
            number = rng.choice(NUMBERS) + rng.choice((0, 0, 0, -1))
        data = (number % (1 << 8 * size)).to_bytes(size, rng.choice(ORDERS))
        changed[place : place + size] = data[: max(1, len(changed) - place)]
    return bytes(changed)


def _place(size: int, rng: random.Random) -> int:
    where = rng.random()
    if where < 0.4:
        return rng.randrange(min(size, HEAD))
    if where < 0.6:
        return max(0, size - 1 - rng.randrange(HEAD))
    return rng.randrange(size)


def change_blocks(content: bytes, rng: random.Random) -> bytes:
    """Truncate the file, or remove, repeat, move or blank a block."""
    start, length = rng.randrange(len(content) + 1), rng.choice((1, 4, 8, 16, 64, 256, 4096))
    block = content[start : start + length]
    before, behind = content[:start], content[start + length :]
    kind = rng.randrange(6)
    if kind == 0:
        return before or content
    if kind == 1:
        return before + behind
    if kind == 2:
        return before + block * rng.choice((2, 3, 20)) + behind
    if kind == 3:
        rest = before + behind
        place = rng.randrange(len(rest) + 1)
        return rest[:place] + block + rest[place:]
    if kind == 4:
        return before + bytes([rng.choice((0, 255, 32, 127))]) * len(block) + behind
    return before + rng.randbytes(len(block)) + behind


def change_png(content: bytes, rng: random.Random) -> bytes:
    """Change the chunks of a PNG and correct their checksums, so that decoding continues."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return change_fields(content, rng)
    number = rng.randrange(len(chunks)) if rng.random() < 0.6 else 0
    kind, data = chunks[number]
    chunks[number] = (kind, change_fields(data, rng) if rng.random() < 0.7 else change_blocks(data, rng))
    if rng.random() < 0.2:
        chunks.insert(rng.randrange(len(chunks) + 1), rng.choice(chunks))
    if rng.random() < 0.1 and kind == b"IDAT":
        chunks[number] = (kind, zlib.compress(bytes(rng.choice((1, 1 << 16, 1 << 22))), 9))
    return content[:8] + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
