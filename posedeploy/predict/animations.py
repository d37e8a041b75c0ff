"""Image files that hold several images: animated WebP, AVIF and GIF, and TIFF with pages."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from posedeploy.errors import InputError
from posedeploy.input_files import read_bytes
from posedeploy.limits import MAX_FRAME_PIXELS, MAX_IMAGE_BYTES, MAX_PAGES, MAX_PIXELS
from posedeploy.predict.animation_headers import PNG, WEBP, avif_bits, has_png_frames, has_webp_frames
from posedeploy.predict.frames import DEFAULT_FPS, Frame, Kind, Source
from posedeploy.predict.image_headers import HeaderError, ImageHeader, read_header
from posedeploy.predict.images import check_size, is_deep
from posedeploy.predict.sample_depth import to_8_bits
from posedeploy.predict.tiff_header import directories, read_numbers
from posedeploy.printable import printable
from posedeploy.types import Array

CHUNK_BYTES = 128 * 2**20
"""Maximum size of the decoded frames in memory."""
MIN_DURATION_S, DEFAULT_DURATION_S = 0.010, 0.100
"""Like browsers, show a frame whose duration is at most the first for the second."""


def is_animated(path: Path) -> bool:
    """Return whether an image file has more than one image; True for a truncated file that may have more.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(16)
        if start.startswith(PNG):
            return has_png_frames(file)
        if start.startswith(WEBP):
            return has_webp_frames(file)
    if start.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        content = _content_of(path)
        _check_pages(path, content)
        pages = _pages(content, 0, 2)
        return len(pages) == 2 and pages[0].shape == pages[1].shape  # a smaller page is a thumbnail
    if start.startswith(b"GIF8") or start[4:12] == b"ftypavis":
        content = _content_of(path)
        _header_of(path, content)
        decoded, frames = _decode_frames(content, 0, 2)
        return not decoded or len(frames) > 1
    return False


class Animation(Source):
    """A video made of the images of one file."""

    kind: Kind = "video"

    def __init__(self, path: Path, fps: float | None = None) -> None:
        """
        Args:
            fps: pages per second of a TIFF, which has no times.

        Raises:
            InputError: the file has its own times, and ``fps`` is not None.
        """
        super().__init__(path.name, (path,), None)
        self._shown = printable(str(path))
        self._content = _content_of(path)
        self._has_pages = self._content[:2] in (b"II", b"MM")
        self._header = _header_of(path, self._content)
        self._white = 0
        if fps is not None and not self._has_pages:
            raise InputError(f"`fps={fps:g}`: {self.name} has its own times; leave `fps` out")
        if fps is None and self._has_pages:
            self.remarks.append(
                f"{self.name}: a TIFF has no times, so {DEFAULT_FPS:g} pages per second are assumed; set "
                "another rate with `fps`"
            )
        if self._has_pages:
            self.total = _check_pages(path, self._content)
        self.fps = fps or DEFAULT_FPS

    def close(self) -> None:
        self._content = b""

    def __iter__(self) -> Iterator[Frame]:
        done, left_out = 0, 0
        size: tuple[int, ...] = ()
        for image, time_s in self._pages() if self._has_pages else self._frames():
            size = size or image.shape
            if image.shape != size:  # a thumbnail
                left_out += 1
                continue
            yield Frame(self.name, np.ascontiguousarray(image), done, time_s)
            done += 1
            if not self._has_pages and time_s:
                self.fps = (done - 1) / time_s
        if not done:
            raise InputError(f"{self._shown}: no frame can be decoded: the file is damaged or truncated")
        if self.total is not None and done + left_out < self.total:
            self.problems.append(
                f"{self._shown}: {self.total - done - left_out} of {self.total} pages cannot be decoded: "
                "the file is damaged or truncated"
            )
        if left_out:
            self.remarks.append(
                f"{self.name}: {left_out} of its pages differ in size from the first page and are left out"
            )

    def _pages(self) -> Iterator[tuple[Array, float]]:
        for page in range(self.total or 0):
            for image in _pages(self._content, page, 1):
                yield self._to_8_bits(image), page / self.fps

    def _to_8_bits(self, page: Array) -> Array:
        """Scale a page by the largest value of all pages so far, for a constant brightness."""
        if self._header is not None and is_deep(self._header):
            white = self._header.white or 0
            if page.dtype.kind != "f":
                self._white = white = max(self._white, white, int(page.max()))
            page = page[..., None] if page.ndim == 2 else page[..., :3]
            page, remark = to_8_bits(page, replace(self._header, white=white or None))
            if remark is not None and not any(remark in known for known in self.remarks):
                self.remarks.append(f"{self.name}: {remark}")
        elif page.dtype == np.uint16:  # OpenCV keeps the depth of an AVIF
            page = (page >> (avif_bits(self._content) - 8)).astype(np.uint8)
        if page.ndim == 2 or page.shape[2] == 1:
            return cv2.cvtColor(page, cv2.COLOR_GRAY2BGR)
        return page[..., :3]

    def _frames(self) -> Iterator[tuple[Array, float]]:
        done, time_s, count = 0, 0.0, 1
        while True:
            decoded, frames = _decode_frames(self._content, done, count)
            for image, milliseconds in frames:
                yield self._to_8_bits(image), time_s
                duration_s = milliseconds / 1000
                time_s += duration_s if duration_s > MIN_DURATION_S else DEFAULT_DURATION_S
            done += len(frames)
            if not decoded and done:
                self.problems.append(
                    f"{self._shown}: decoding ended at frame {done}: the file is damaged or truncated; the "
                    "results hold the frames before"
                )
            if not decoded or not frames:
                return
            count = max(1, CHUNK_BYTES // max(1, frames[0][0].nbytes))


def _header_of(path: Path, content: bytes) -> ImageHeader | None:
    try:
        header = read_header(content)
    except HeaderError:
        return None  # decoding reports the damage
    if header is not None:
        check_size(path, header, MAX_PIXELS if header.format == "TIFF" else MAX_FRAME_PIXELS)
    return header


def _decode_frames(content: bytes, first: int, count: int) -> tuple[bool, list[tuple[Array, int]]]:
    """Return whether decoding succeeded, and the frames with their durations in ms."""
    try:
        decoded, animation = cv2.imdecodeanimation(np.frombuffer(content, np.uint8), first, count)
    except cv2.error:
        return False, []
    times = map(int, animation.durations)
    return decoded, [(np.asarray(image), time) for image, time in zip(animation.frames, times, strict=False)]


def _pages(content: bytes, first: int, count: int) -> tuple[Array, ...]:
    """Return the undamaged pages of a TIFF as stored: BGR, BGRA or gray, of any bit depth."""
    data = np.frombuffer(content, np.uint8)
    try:
        pages = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(first, first + count))[1]
    except cv2.error:
        return ()
    return tuple(np.asarray(page) for page in pages)


def _check_pages(path: Path, content: bytes) -> int:
    """Return the number of pages of a TIFF.

    Raises:
        InputError: a page is too large to be decoded, or there are too many.
    """
    offsets = directories(content)
    if len(offsets) > MAX_PAGES:
        raise InputError(f"{path}: too many pages; expected at most {MAX_PAGES:,}; split the file")
    for offset in offsets:
        with suppress(struct.error, LookupError, ValueError, OverflowError):  # decoding reports the damage
            tags = read_numbers(content, offset)
            bits = int(max(tags.get(258, (1,))))
            width, height = int(tags[256][0]), int(tags[257][0])
            check_size(path, ImageHeader(format="TIFF", width=width, height=height, bits=bits))
    return len(offsets)


def _content_of(path: Path) -> bytes:
    return read_bytes(path, "an image", MAX_IMAGE_BYTES)
