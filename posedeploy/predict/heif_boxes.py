"""The boxes of an AVIF or HEIC file that define the size and the orientation of its primary image.

ISO/IEC 14496-12 and 23008-12. OpenCV returns AVIF images as stored, without turning them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from posedeploy.predict import tiff_header

EXIF_OF = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip
"""EXIF orientation by the number of counterclockwise quarter turns (``irot``) and the mirroring after them
(``imir``: 0 swaps top and bottom, 1 left and right)."""

MAX_ITEMS = 1 << 16
_Span: TypeAlias = tuple[int, int]
"""Start and end of the content of a box."""


@dataclass(frozen=True)
class PrimaryImage:
    """The image that a viewer shows.

    width, height: px before turning. orientation: the EXIF orientation. by_box: the orientation comes from a
    box; HEIC decoders apply boxes, but not EXIF.
    """

    width: int
    height: int
    orientation: int
    by_box: bool


def read_primary_image(content: bytes) -> PrimaryImage:
    """Return the size and the orientation of the primary image.

    Raises:
        struct.error, IndexError: the boxes are damaged, or the size is missing.
    """
    top = dict(_boxes(content, (0, len(content)), until=b"meta"))
    meta = dict(_boxes(content, _inside(top, b"meta", 4)))
    start, _ = _inside(meta, b"pitm")
    (primary,) = struct.unpack_from(">I" if content[start] else ">H", content, start + 4)
    offsets = {kind: at for kind, (at, _) in _properties(content, _inside(meta, b"iprp"), primary)}
    if b"ispe" not in offsets:
        raise IndexError("no size")
    width, height = struct.unpack_from(">II", content, offsets[b"ispe"] + 4)
    by_box = b"irot" in offsets or b"imir" in offsets
    if not by_box:
        return PrimaryImage(width, height, _exif_orientation(content, meta), by_box)
    turns = content[offsets[b"irot"]] & 3 if b"irot" in offsets else 0
    mirror = content[offsets[b"imir"]] & 1 if b"imir" in offsets else None
    return PrimaryImage(width, height, EXIF_OF[turns, mirror], by_box)


def _boxes(content: bytes, span: _Span, until: bytes = b"") -> Iterator[tuple[bytes, _Span]]:
    """Yield the kind and the span of each box, up to the first of the kind ``until``."""
    start, end = span
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", content, start)
        begin = start + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", content, begin)
            begin += 8
        stop = end if length == 0 else start + length
        if not begin <= stop <= end:
            raise IndexError("a box extends beyond its parent")
        yield kind, (begin, stop)
        if kind == until:
            return
        start = stop


def _inside(boxes: Mapping[bytes, _Span], kind: bytes, skipped: int = 0) -> _Span:
    if kind not in boxes:
        raise IndexError(f"no box {kind!r}")
    start, end = boxes[kind]
    return start + skipped, end


def _properties(content: bytes, iprp: _Span, item: int) -> Iterator[tuple[bytes, _Span]]:
    """Yield the kind and the span of each property of an item."""
    parts = dict(_boxes(content, iprp))
    properties = list(_boxes(content, _inside(parts, b"ipco")))
    start, _ = _inside(parts, b"ipma")
    number_code, wide = ">I" if content[start] else ">H", content[start + 3] & 1
    (entries,) = struct.unpack_from(">I", content, start + 4)
    at = start + 8
    for _ in range(min(entries, MAX_ITEMS)):
        (number,) = struct.unpack_from(number_code, content, at)
        at += struct.calcsize(number_code)
        count = content[at]
        indices = struct.unpack_from(f">{count}{'H' if wide else 'B'}", content, at + 1)
        at += 1 + count * (1 + wide)
        if number == item:
            places = [index & (0x7FFF if wide else 0x7F) for index in indices]
            yield from (properties[place - 1] for place in places if 0 < place <= len(properties))


def _exif_orientation(content: bytes, meta: Mapping[bytes, _Span]) -> int:
    """Return the EXIF orientation, 1 if there is none."""
    try:
        start = _offset_of(content, meta, _exif_item(content, _inside(meta, b"iinf")))
        (skipped,) = struct.unpack_from(">I", content, start)
        exif = content[start + 4 + skipped : start + 4 + skipped + (1 << 16)]
        value = tiff_header.read_numbers(exif)[274][0]
    except (struct.error, LookupError, OverflowError):
        return 1
    return int(value) if 1 <= value <= 8 else 1


def _exif_item(content: bytes, iinf: _Span) -> int:
    start, end = iinf
    for kind, (at, _) in _boxes(content, (start + (8 if content[start] else 6), end)):
        number, size = (">I", 4) if content[at] == 3 else (">H", 2)
        if kind == b"infe" and content[at + 6 + size : at + 10 + size] == b"Exif":
            return int(struct.unpack_from(number, content, at + 4)[0])
    raise IndexError("no EXIF")


def _offset_of(content: bytes, meta: Mapping[bytes, _Span], item: int) -> int:
    """Return the offset of the first extent of an item in the file."""
    start, _ = _inside(meta, b"iloc")
    version, sizes = content[start], content[start + 4 : start + 6]
    offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_size = sizes[1] & 15 if version else 0
    wide = 4 if version == 2 else 2
    count, at = int.from_bytes(content[start + 6 : start + 6 + wide], "big"), start + 6 + wide
    for _ in range(min(count, MAX_ITEMS)):
        number = int.from_bytes(content[at : at + wide], "big")
        at += wide + (2 if version else 0) + 2
        base, extents = content[at : at + base_size], content[at + base_size : at + base_size + 2]
        at += base_size + 2
        if number == item:
            first = content[at + index_size : at + index_size + offset_size]
            return int.from_bytes(base, "big") + int.from_bytes(first, "big")
        at += int.from_bytes(extents, "big") * (index_size + offset_size + length_size)
    raise IndexError("no extent of the EXIF")
