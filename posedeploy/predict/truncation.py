"""Detect truncated video files, by the lengths that they declare for their parts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeAlias

End: TypeAlias = Callable[[BinaryIO, int], int]
"""Returns the minimum size of a file according to its content; the actual size if that is unknown."""

BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"}
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
END_MARKERS = {
    b"\xff\xd8\xff": b"\xff\xd9",
    b"GIF8": b";",
    b"\x89PNG": b"IEND\xaeB`\x82",
}
"""The last bytes of raw MJPEG, GIF and PNG; padding may follow."""
TS_PACKET = 188
SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
MASTERS = {SEGMENT, CLUSTER}
"""EBML elements whose children are read if their length is unknown, as in live recordings."""


def missing_bytes(path: Path) -> int:
    """Return how many bytes are missing at the end of a video file; 0 if it is complete or this is unknown.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        end = _end_of(file.read(16))
        return max(0, end(file, size) - size) if end is not None else 0


def has_movie_header(path: Path) -> bool:
    """Return whether an MP4 or MOV file has its index (moov); True for other formats.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if _end_of(file.read(16)) is not _end_of_boxes:
            return True
        return any(kind == b"moov" and end <= size for kind, _, end in _boxes(file, size))


def _end_of(start: bytes) -> End | None:
    if start[4:8] in BOXES:
        return _end_of_boxes
    if start.startswith(ASF_HEADER):
        return _end_of_asf
    for beginning, marker in END_MARKERS.items():
        if start.startswith(beginning):
            return _ends_with(marker)
    if start[:1] == b"\x47":
        return _end_of_packets
    return _BY_START.get(start[:4])


def _boxes(file: BinaryIO, size: int) -> list[tuple[bytes, int, int]]:
    """Return kind, start and end of each top-level box. One without a length extends to the end of file."""
    boxes, at = [], 0
    while at + 8 <= size:
        file.seek(at)
        header = file.read(16)
        length = int.from_bytes(header[:4])
        length = int.from_bytes(header[8:16]) if length == 1 else length or size - at
        if length < 8:
            break
        boxes.append((header[4:8], at, at + length))
        at += length
    return boxes


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    boxes = _boxes(file, size)
    return boxes[-1][2] if boxes else size


def _end_of_riff(file: BinaryIO, size: int) -> int:
    """Read AVI: one RIFF chunk per gigabyte or so. A length of 0 was never filled in."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        header = file.read(8)
        length = int.from_bytes(header[4:], "little")
        if header[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):
            return size
        at += 8 + length + length % 2
    return at if at <= size or length % 2 == 0 else at - 1


def _end_of_ebml(file: BinaryIO, size: int) -> int:
    """Read Matroska and WebM."""
    at = 0
    while at < size:
        file.seek(at)
        header = file.read(12)
        id_length = 9 - header[0].bit_length() if header[0] else 0
        if not 1 <= id_length <= 4 or len(header) <= id_length or header[id_length] == 0:
            return size if len(header) > id_length else at + id_length + 1
        name = int.from_bytes(header[:id_length])
        width = 9 - header[id_length].bit_length()
        number = header[id_length : id_length + width]
        if len(number) < width:
            return at + id_length + width
        length = int.from_bytes(number) & ((1 << 7 * width) - 1)
        at += id_length + width
        if length != (1 << 7 * width) - 1:
            at += length
        elif name not in MASTERS:
            return size
    return at


def _end_of_asf(file: BinaryIO, size: int) -> int:
    at = 0
    while at + 24 <= size:
        file.seek(at + 16)
        length = int.from_bytes(file.read(8), "little")
        if length < 24:
            return size
        at += length
    return at


def _end_of_flv(file: BinaryIO, size: int) -> int:
    file.seek(5)
    at = int.from_bytes(file.read(4)) + 4
    while at < size:
        file.seek(at)
        header = file.read(4)
        if len(header) < 4:
            return at + 15
        at += 11 + int.from_bytes(header[1:4]) + 4
    return at - 4  # some writers omit the length of the last tag


def _end_of_ogg(file: BinaryIO, size: int) -> int:
    at = 0
    while at < size:
        file.seek(at)
        header = file.read(27)
        if header[:4] != b"OggS":
            return size if len(header) == 27 else at + 27
        lengths = file.read(header[26])
        at += 27 + header[26] + sum(lengths)
    return at


def _ends_with(marker: bytes) -> End:
    def end(file: BinaryIO, size: int) -> int:
        file.seek(max(0, size - 4096))
        return size if file.read().rstrip(b"\0\r\n").endswith(marker) else size + len(marker)

    return end


def _end_of_packets(file: BinaryIO, size: int) -> int:
    """Read MPEG-TS: packets of 188 bytes, each with the same first byte."""
    file.seek(TS_PACKET)
    return size + -size % TS_PACKET if file.read(1) == b"\x47" else size


_BY_START: dict[bytes, End] = {
    b"RIFF": _end_of_riff,
    b"\x1aE\xdf\xa3": _end_of_ebml,
    b"FLV\x01": _end_of_flv,
    b"OggS": _end_of_ogg,
}
