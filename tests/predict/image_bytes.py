"""Image files that OpenCV cannot write, written byte by byte."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import cv2
import numpy as np

from posedeploy.types import Array

SHORT, LONG = 3, 4
CODES = {SHORT: "H", LONG: "I"}
PER_SAMPLE = {281, 341}
UNSIGNED, SIGNED, FLOAT = 1, 2, 3


def tiff(
    pixels: Array, *, order: str = "<", photometric: int | None = None, tags: Mapping[int, int] | None = None
) -> bytes:
    """An uncompressed TIFF of (H, W) or (H, W, C) samples. order: ``<`` or ``>``. tags: more of them, of one
    number."""
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()  # type: ignore[call-overload]
    kind = {"u": UNSIGNED, "i": SIGNED, "f": FLOAT}[pixels.dtype.kind]
    if photometric is None:
        photometric = 2 if samples >= 3 else 1
    entries: dict[int, tuple[int, list[int]]] = {
        256: (LONG, [pixels.shape[1]]),
        257: (LONG, [pixels.shape[0]]),
        258: (SHORT, [pixels.dtype.itemsize * 8] * samples),
        259: (SHORT, [1]),
        262: (SHORT, [photometric]),
        273: (LONG, [0]),
        277: (SHORT, [samples]),
        278: (LONG, [pixels.shape[0]]),
        279: (LONG, [len(data)]),
        339: (SHORT, [kind] * samples),
    }
    if samples == 4 and photometric == 2:
        entries[338] = (SHORT, [2])
    more = {tag: [value] * (samples if tag in PER_SAMPLE else 1) for tag, value in (tags or {}).items()}
    entries |= {tag: (SHORT, values) for tag, values in more.items()}
    directory = 8 + 2 + 12 * len(entries) + 4
    packed = {
        tag: struct.pack(f"{order}{len(v)}{CODES[kind]}", *v) for tag, (kind, v) in sorted(entries.items())
    }
    outside = b"".join(value for value in packed.values() if len(value) > 4)
    packed[273] = struct.pack(f"{order}I", directory + len(outside))
    content, at = b"", directory
    for tag, value in packed.items():
        kind, numbers = entries[tag]
        content += struct.pack(f"{order}HHI", tag, kind, len(numbers))
        content += struct.pack(f"{order}I", at) if len(value) > 4 else value.ljust(4, b"\0")
        at += len(value) if len(value) > 4 else 0
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return head + content + bytes(4) + outside + data


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(pixels: Array, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG with additional chunks after its header."""
    content = cv2.imencode(".png", pixels)[1].tobytes()
    return content[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + content[33:]


def png_claiming(width: int, height: int) -> bytes:
    """Return a PNG whose header has this size and which has almost no data."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + header + data + png_chunk(b"IEND", b"")


def exif(orientation: int) -> bytes:
    """Return EXIF metadata with the orientation only."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, SHORT, 1, orientation, 0, 0)


def box(kind: bytes, *content: bytes) -> bytes:
    joined = b"".join(content)
    return struct.pack(">I4s", 8 + len(joined), kind) + joined


def full_box(kind: bytes, version: int, *content: bytes) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]), *content)


def avif_with_exif(content: bytes, orientation: int) -> bytes:
    """Return an AVIF of one image with EXIF in a separate item and without a rotation box."""
    start = content.index(b"meta") - 4
    length = int.from_bytes(content[start : start + 4], "big")
    meta, rest = content[start : start + length], content[start + length :]
    payload = bytes(4) + exif(orientation)
    infe = full_box(b"infe", 2, struct.pack(">HH", 99, 0), b"Exif", b"\0")
    iinf = meta.index(b"iinf") - 4
    iinf_length = int.from_bytes(meta[iinf : iinf + 4], "big")
    items = meta[iinf + 14 : iinf + iinf_length]
    count = int.from_bytes(meta[iinf + 12 : iinf + 14], "big")
    new_iinf = full_box(b"iinf", 0, struct.pack(">H", count + 1), items, infe)
    iloc = meta.index(b"iloc") - 4
    iloc_length = int.from_bytes(meta[iloc : iloc + 4], "big")
    old = meta[iloc : iloc + iloc_length]
    grown = len(new_iinf) - iinf_length + 14  # what the image's data moves by
    number, _, _, offset, extent = struct.unpack_from(">HHHII", old, 16)
    entries = struct.pack(">HHHII", number, 0, 1, offset + grown, extent)
    place = len(content) + grown + 8
    entries += struct.pack(">HHHII", 99, 0, 1, place, len(payload))
    new_iloc = full_box(b"iloc", 0, b"\x44\x00", struct.pack(">H", 2), entries)
    body = meta[12:].replace(old, new_iloc).replace(meta[iinf : iinf + iinf_length], new_iinf)
    return content[:start] + full_box(b"meta", 0, body) + rest + box(b"mdat", payload)


def ramp(height: int = 40, width: int = 64) -> Array:
    """Return (H, W) values from 0 to 1."""
    return np.linspace(0, 1, height * width).reshape(height, width)
