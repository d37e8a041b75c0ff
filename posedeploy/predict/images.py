"""One image file becomes BGR pixels, or a clear refusal."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array

# OpenCV's own remarks stay off the terminal: what matters of them is in our errors.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".jp2", ".avif", ".ppm", ".pgm")

_BEGINNING = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|BM....\0\0\0\0|II[*+]\0|MM\0[*+]|GIF8[79]a|P[1-7][\s#]|RIFF....WEBP"
    rb"|\0\0\0\x0cjP  |....ftyp(avif|avis|heic|heix|mif1|msf1)|v/1\x01|#\?RADIANCE",
    re.DOTALL,
)
"""JPEG, PNG, BMP, TIFF, GIF, PNM, WebP, JPEG 2000, AVIF and HEIC, EXR and HDR."""
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_JPEG_END = 0xD9


def is_image(path: Path) -> bool:
    """Whether a file is named like an image, or begins like one."""
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as file:  # OpenCV crashes on a name that is not UTF-8
        return _BEGINNING.match(file.read(64)) is not None


def read_image(path: Path) -> Array:
    """(H, W, 3) uint8 BGR, upright as its EXIF says; grey becomes BGR, 16 bits 8, alpha is dropped.

    Raises:
        InputError: the file is missing, unreadable, empty, cut off, or not an image.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name an image that can") from error
    if not content:
        raise InputError(f"{path}: the file is empty (0 bytes), not an image; copy or download it again")
    if is_cut_off(content):
        raise InputError(
            f"{path}: the image is cut off: its {len(content)} bytes end before the format's end marker; "
            "copy or download it again"
        )
    try:
        # Not IMREAD_UNCHANGED: that leaves the EXIF orientation out.
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        reason = str(error.err).strip()
        raise InputError(f"{path}: OpenCV refuses the image ({reason}); make it smaller") from error
    if image is None:
        raise InputError(
            f"{path}: its {len(content)} bytes are not an image that OpenCV reads, or a damaged one; wanted "
            f"{', '.join(SUFFIXES)}"
        )
    return image


def is_cut_off(content: bytes) -> bool:
    """Whether a JPEG or PNG ends too early: OpenCV 4 fills what is missing with grey, without a word."""
    if content.startswith(b"\x89PNG"):
        return _PNG_END not in content
    return content.startswith(b"\xff\xd8\xff") and not _jpeg_ends(content)


def _jpeg_ends(content: bytes) -> bool:
    """Walks the segments: a thumbnail inside one has an end marker of its own."""
    at = 2
    while found := _JPEG_MARKER.search(content, at):
        if found[1][0] == _JPEG_END:
            return True
        at = found.end() + int.from_bytes(content[found.end() : found.end() + 2])
    return False
