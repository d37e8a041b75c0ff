"""Image files that hold several images: animated WebP, AVIF, GIF and PNG, and TIFF with pages."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from posedeploy.errors import InputError
from posedeploy.predict.frames import DEFAULT_FPS, Frame, Kind, Source
from posedeploy.predict.image_headers import Header, HeaderError, read_header
from posedeploy.predict.images import check_size, is_deep
from posedeploy.predict.sample_depth import to_8_bits
from posedeploy.printable import printable
from posedeploy.types import Array

CHUNK_BYTES = 128 * 2**20
"""Of decoded frames that are in memory at a time."""
SHORTEST_S, INSTEAD_S = 0.010, 0.100
"""Browsers show a frame of at most the first for the second."""


def is_animated(path: Path) -> bool:
    """Whether an image file holds more than one image; a cut one, of which that cannot be said, counts.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        pages = _pages(_mapped(path), 0, 2)
        return len(pages) == 2 and pages[0].shape == pages[1].shape  # or the same picture smaller
    if start.startswith(b"GIF8"):
        decoded, animation = cv2.imdecodeanimation(np.frombuffer(_mapped(path), np.uint8), 0, 2)
        return not decoded or len(animation.frames) > 1
    return (
        (start.startswith(b"\x89PNG") and start.find(b"acTL") > 0)
        or (start[:4] == b"RIFF" and start[8:16] == b"WEBPVP8X" and bool(start[20] & 2))
        or (start[4:12] == b"ftypavis")
    )


class Animation(Source):
    """The images of one file, as a video."""

    kind: Kind = "video"

    def __init__(self, path: Path, fps: float | None = None) -> None:
        """
        Args:
            fps: pages a second of a TIFF, which has no times.

        Raises:
            InputError: the file has times, and ``fps`` is given.
        """
        super().__init__(path.name, (path,), None)
        self._shown = printable(str(path))
        self._content = _mapped(path)
        self._has_pages = self._content[:2] in (b"II", b"MM")
        self._header = _header_of(path, self._content)
        self._white = 0
        if fps is not None and not self._has_pages:
            raise InputError(
                f"--fps {fps:g}: {self.name} has times of its own, which are used; leave --fps out"
            )
        if fps is None and self._has_pages:
            self.remarks.append(
                f"{self.name}: a TIFF has no times, so {DEFAULT_FPS:g} pages per second are assumed; --fps "
                "sets another rate"
            )
        if self._has_pages:
            self.total = _count_pages(self._content)
        self.fps = fps or DEFAULT_FPS

    def close(self) -> None:
        self._content.close()

    def __iter__(self) -> Iterator[Frame]:
        done, left_out = 0, 0
        size: tuple[int, ...] = ()
        for image, time_s in self._pages() if self._has_pages else self._frames():
            size = size or image.shape
            if image.shape != size:  # a thumbnail, or the same picture smaller
                left_out += 1
                continue
            yield Frame(self.name, np.ascontiguousarray(image), done, time_s)
            done += 1
            if not self._has_pages and time_s:
                self.fps = (done - 1) / time_s
        if not done:
            raise InputError(f"{self._shown}: no image in it can be decoded; it is damaged or cut off")
        if self.total is not None and done + left_out < self.total:
            self.problems.append(
                f"{self._shown}: {self.total - done - left_out} of {self.total} pages cannot be decoded; "
                "the file is damaged or cut off"
            )
        if left_out:
            self.remarks.append(
                f"{self.name}: {left_out} of its pages have another size than the first one and are left out"
            )

    def _pages(self) -> Iterator[tuple[Array, float]]:
        for page in range(self.total or 0):
            for image in _pages(self._content, page, 1):
                yield self._in_8_bits(image), page / self.fps

    def _in_8_bits(self, page: Array) -> Array:
        """All pages by one scale, which grows where a later one holds more."""
        if self._header is not None and is_deep(self._header):
            white = self._header.white or 0
            if page.dtype.kind != "f":
                self._white = white = max(self._white, white, int(page.max()))
            page = page[..., None] if page.ndim == 2 else page[..., :3]
            page, remark = to_8_bits(page, replace(self._header, white=white or None))
            if remark is not None and not any(remark in known for known in self.remarks):
                self.remarks.append(f"{self.name}: {remark}")
        if page.ndim == 2 or page.shape[2] == 1:
            return cv2.cvtColor(page, cv2.COLOR_GRAY2BGR)
        return page[..., :3]

    def _frames(self) -> Iterator[tuple[Array, float]]:
        done, time_s, count = 0, 0.0, 1
        while True:
            # A view that lived on between frames would keep the file from being closed.
            content = np.frombuffer(self._content, np.uint8)
            decoded, animation = cv2.imdecodeanimation(content, done, count)
            del content
            for image, milliseconds in zip(animation.frames, animation.durations, strict=True):
                yield np.asarray(image)[..., :3], time_s
                shown_s = int(milliseconds) / 1000
                time_s += shown_s if shown_s > SHORTEST_S else INSTEAD_S
            done += len(animation.frames)
            if not decoded and done:
                self.problems.append(
                    f"{self._shown}: ended at frame {done}; the file is damaged or cut off, and the results "
                    "hold what could be decoded"
                )
            if not decoded or not animation.frames:
                return
            count = max(1, CHUNK_BYTES // max(1, np.asarray(animation.frames[0]).nbytes))


def _header_of(path: Path, content: mmap.mmap) -> Header | None:
    try:
        header = read_header(content[:])  # a TIFF may have its header at its end
    except HeaderError:
        return None  # what can be decoded is, and the rest is reported
    if header is not None:
        check_size(path, header)
    return header


def _pages(content: mmap.mmap, first: int, count: int) -> tuple[Array, ...]:
    """Pages of a TIFF as they are stored: BGR, BGRA or gray, of any depth."""
    data = np.frombuffer(content, np.uint8)
    pages = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(first, first + count))[1]
    return tuple(np.asarray(page) for page in pages)


def _count_pages(content: mmap.mmap) -> int:
    """The directories of a TIFF, classic or big, that its chain names."""
    order: Literal["little", "big"] = "little" if content[:2] == b"II" else "big"
    is_big = int.from_bytes(content[2:4], order) == 43
    offset_bytes, count_bytes, entry_bytes = (8, 8, 20) if is_big else (4, 2, 12)
    seen: set[int] = set()
    at = int.from_bytes(content[offset_bytes : 2 * offset_bytes], order)
    while at and at not in seen:
        seen.add(at)
        entries = int.from_bytes(content[at : at + count_bytes], order)
        at += count_bytes + entries * entry_bytes
        at = int.from_bytes(content[at : at + offset_bytes], order)
    return len(seen)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
