"""The tags of a TIFF file that define the format of its samples."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from posedeploy.limits import MAX_PAGES

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE = range(4)
COLORS: Mapping[int, str] = {4: "a mask", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 10: "Lab", 32803: "raw"}
MAX_TAGS = 4096
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 16: "Q"}
"""The ``struct`` codes of TIFF's number types."""


@dataclass(frozen=True, kw_only=True)
class Tags:
    """The tags of the first image, named as in the TIFF 6.0 specification.

    max_value: SMaxSampleValue or MaxSampleValue; None if both are missing.
    """

    width: int
    height: int
    bits: tuple[int, ...]
    samples: int
    sample_format: int
    photometric: int
    max_value: int | None


def read_tags(content: bytes) -> Tags:
    """Return the tags of the first image.

    Raises:
        struct.error, IndexError: the tags lie outside the file, or the size is missing.
    """
    values = read_numbers(content)
    samples = int(values.get(277, (1,))[0])
    largest = [value for tag in (341, 281) for value in values.get(tag, ()) if 0 < value < 1 << 32]
    return Tags(
        width=int(values.get(256, ())[0]),
        height=int(values.get(257, ())[0]),
        bits=tuple(map(int, values.get(258, (1,)))),
        samples=samples,
        sample_format=int(values.get(339, (1,))[0]),
        photometric=int(values.get(262, (BLACK_IS_ZERO,))[0]),
        max_value=int(max(largest)) if largest else None,
    )


def find_unreadable_feature(tags: Tags) -> str | None:
    """Return the feature that OpenCV does not read, or reads incorrectly; None if it reads the file."""
    bits = max(tags.bits)
    if tags.sample_format == 3 and bits not in (32, 64):
        return f"TIFF of {bits}-bit floats"
    if bits > 8 and tags.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        return f"TIFF of {bits}-bit {COLORS.get(tags.photometric, 'palette')} samples"
    if bits > 8 and tags.samples not in (1, 3, 4):
        return f"TIFF with {tags.samples} samples of {bits} bits per pixel"
    if bits in (2, 4, 6) and tags.photometric != PALETTE:
        return f"TIFF of {bits}-bit samples without a palette"
    return None


@dataclass(frozen=True)
class _Layout:
    """The number formats of a classic TIFF or a BigTIFF."""

    order: str
    big: bool
    count: str
    offset: str
    entry_size: int

    def number(self, content: bytes, at: int, code: str) -> int:
        if at > len(content):  # offsets beyond 2^63 would raise another error
            raise struct.error(f"a number at byte {at:,}")
        return int(struct.unpack_from(self.order + code, content, at)[0])


def _layout(content: bytes) -> _Layout:
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    return _Layout(order, True, "Q", "Q", 20) if big else _Layout(order, False, "H", "I", 12)


def directories(content: bytes) -> list[int]:
    """Return the offsets of the directories, one for each page, up to the first damage or ``MAX_PAGES``."""
    layout = _layout(content)
    offsets: dict[int, None] = {}
    with suppress(struct.error):
        at = layout.number(content, 8 if layout.big else 4, layout.offset)
        while at and at not in offsets and len(offsets) <= MAX_PAGES:
            offsets[at] = None
            count = layout.number(content, at, layout.count)
            end = at + (8 if layout.big else 2) + count * layout.entry_size
            at = layout.number(content, end, layout.offset)
    return list(offsets)


def read_numbers(content: bytes, at: int | None = None) -> dict[int, tuple[float, ...]]:
    """Return the numbers of each tag of the directory at an offset; None is the first one.

    Raises:
        struct.error: the directory lies outside the content.
    """
    layout = _layout(content)
    order, big, offset_code, entry_size = layout.order, layout.big, layout.offset, layout.entry_size
    inline = 8 if big else 4
    at = layout.number(content, 8 if big else 4, offset_code) if at is None else at
    count = layout.number(content, at, layout.count)
    at += 8 if big else 2
    values: dict[int, tuple[float, ...]] = {}
    for entry in range(at, at + entry_size * min(count, MAX_TAGS), entry_size):
        tag, kind, length = struct.unpack_from(order + "HH" + offset_code, content, entry)
        code = _CODES.get(kind)
        if code is None or not 0 < length <= 64:
            continue
        place = entry + (12 if big else 8)
        if length * struct.calcsize(code) > inline:
            (place,) = struct.unpack_from(order + offset_code, content, place)
        values[tag] = struct.unpack_from(f"{order}{length}{code}", content, place)
    return values
