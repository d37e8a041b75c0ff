"""Read image files as BGR pixels: the only reader of ``predict``, ``parity`` and ``evaluate``."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from posedeploy import plugins
from posedeploy.content_kinds import kind_of
from posedeploy.errors import InputError, MissingPackageError, first_line
from posedeploy.input_files import read_bytes
from posedeploy.limits import MAX_IMAGE_BYTES, MAX_PIXELS, MAX_SIDE
from posedeploy.predict.image_headers import (
    HEIC,
    HeaderError,
    ImageHeader,
    looks_like_image,
    read_header,
    strip_png_animation,
)
from posedeploy.predict.sample_depth import to_8_bits
from posedeploy.types import Array, StrPath

# OpenCV's log messages repeat what our errors report.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".jp2", ".avif", ".heic", ".heif", ".ppm",
    ".pgm",
)  # fmt: skip

_TURNS: dict[int, tuple[int | None, int | None]] = {
    2: (None, 1), 3: (cv2.ROTATE_180, None), 4: (None, 0), 5: (cv2.ROTATE_90_CLOCKWISE, 1),
    6: (cv2.ROTATE_90_CLOCKWISE, None), 7: (cv2.ROTATE_90_CLOCKWISE, 0),
    8: (cv2.ROTATE_90_COUNTERCLOCKWISE, None),
}  # fmt: skip
"""The rotation, then the flip, that turn an image of each EXIF orientation upright."""


_VIDEO = re.compile(rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ", re.DOTALL)
_TEXTS = ("html", "lfs", "json", "xml", "text")
"""Content that failed downloads leave in image files."""


@dataclass(frozen=True)
class Picture:
    """A decoded image.

    pixels: (H, W, 3) uint8 BGR, upright. remark: how samples were scaled, if the file does not define it.
    """

    pixels: Array
    remark: str | None = None


def is_image(path: Path) -> bool:
    """Return whether a file has the suffix or the signature of an image."""
    if path.suffix.lower() in SUFFIXES:
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return looks_like_image(file.read(512))


def check_declared_size(path: Path) -> None:
    """Check the size in an image's header before its frames are counted.

    JPEG, which has a single frame, and damaged headers are left to ``read_picture``.

    Raises:
        InputError: the image is too large.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        beginning = file.read(512)
        if beginning.startswith(b"\xff\xd8\xff") or not looks_like_image(beginning):
            return
        content = beginning + file.read(MAX_IMAGE_BYTES)
    with suppress(HeaderError):
        header = read_header(content)
        if header is not None:
            check_size(path, header)


def read_image(path: Path) -> Array:
    """Return the pixels of ``read_picture``."""
    return read_picture(path).pixels


def read_picture(path: Path) -> Picture:
    """Return an image file as (H, W, 3) uint8 BGR, turned upright by its EXIF orientation or HEIF boxes.

    Gray becomes BGR, alpha is dropped, and samples of more than 8 bits, or floats, are scaled to 8 bits.

    Raises:
        InputError: the file is missing, unreadable, empty, truncated, too large, or not an image.
        MissingPackageError: the file is HEIC, and the package that reads HEIC is not installed.
    """
    return decode_picture(path, read_bytes(path, "an image", MAX_IMAGE_BYTES))


def decode_picture(name: StrPath, content: bytes) -> Picture:
    """Decode the bytes of an image file as ``read_picture`` does.

    Args:
        name: the path or the URL of the image, for messages.

    Raises:
        InputError: the bytes are empty, truncated, too large, or not an image.
        MissingPackageError: the image is HEIC, and the package that reads HEIC is not installed.
    """
    if not content:
        raise InputError(f"{name}: the file is empty (0 bytes), not an image; copy or download it again")
    try:
        header = read_header(content)
    except HeaderError as error:
        raise InputError(f"{name}: {error}; copy or download it again") from error
    if header is None:
        raise _not_an_image(name, content)
    check_size(name, header)
    if header.unreadable is not None:
        raise InputError(
            f"{name}: OpenCV does not read {header.unreadable}; convert the image to PNG or JPEG"
        )
    return _decode(name, content, header)


def check_size(path: StrPath, header: ImageHeader, max_pixels: int = MAX_PIXELS) -> None:
    """Check the size of an image before it is decoded.

    Args:
        max_pixels: the limit for samples of 8 bits; deeper samples reduce it.

    Raises:
        InputError: the image is too large to decode, or has no pixels.
    """
    allowed = max_pixels * 8 // max(header.bits, 8)
    if max(header.width, header.height) > MAX_SIDE or header.width * header.height > allowed:
        raise InputError(
            f"{path}: the image has {header.width:,} x {header.height:,} px of {header.bits} bits; expected "
            f"at most {MAX_SIDE:,} px per side and {allowed:,} px in total; scale it down"
        )
    if min(header.width, header.height) < 1:
        raise InputError(
            f"{path}: the image has {header.width} x {header.height} px; copy or download it again"
        )


def _not_an_image(path: StrPath, content: bytes) -> InputError:
    kind = kind_of(io.BytesIO(content))
    actual, remedy = kind.what, f"; {kind.remedy}" if kind.name in _TEXTS else ""
    if _VIDEO.match(content):
        actual = "a video"
    elif kind.name == "unknown":
        actual = f"{len(content):,} bytes of an unknown format"
    return InputError(f"{path}: not an image but {actual}{remedy}; expected {', '.join(SUFFIXES)}")


def _decode(path: StrPath, content: bytes, header: ImageHeader) -> Picture:
    decode = _DECODERS.get(header.format, _decode_deep if is_deep(header) else _decode_8_bits)
    try:
        pixels, remark = decode(content, header)
    except MissingPackageError as error:
        raise MissingPackageError(f"{path}: {header.format}: {error.what}", error.command) from error
    except (cv2.error, ValueError, RuntimeError, MemoryError) as error:
        raise InputError(
            f"{path}: the {header.format} image is damaged or not supported ({first_line(error)}); copy it "
            "again, or convert it to PNG or JPEG"
        ) from error
    turn, flip = _TURNS.get(header.orientation, (None, None))
    pixels = pixels if turn is None else cv2.rotate(pixels, turn)
    return Picture(pixels if flip is None else cv2.flip(pixels, flip), remark)


def is_deep(header: ImageHeader) -> bool:
    """Return whether the samples must be scaled to 8 bits."""
    narrow = header.format in ("PNM", "PAM") and header.white not in (None, 255)
    return header.bits > 8 or header.samples != "unsigned" or narrow


def _decode_8_bits(content: bytes, header: ImageHeader) -> tuple[Array, str | None]:
    # IMREAD_UNCHANGED would ignore the EXIF orientation.
    return _decode_by_opencv(content, cv2.IMREAD_COLOR), None


def _decode_deep(content: bytes, header: ImageHeader) -> tuple[Array, str | None]:
    # OpenCV turns every TIFF upright, and reads float TIFFs with alpha only with IMREAD_UNCHANGED.
    unchanged = header.format == "TIFF"
    flags = cv2.IMREAD_UNCHANGED if unchanged else cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    pixels = _decode_by_opencv(content, flags)
    pixels, remark = to_8_bits(pixels[..., :3] if pixels.ndim == 3 else pixels[..., None], header)
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR) if pixels.shape[2] == 1 else pixels, remark


def _decode_by_opencv(content: bytes, flags: int) -> Array:
    if content.startswith(b"\x89PNG"):
        content = strip_png_animation(content)
    pixels: Array | None = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise ValueError("OpenCV cannot decode it")
    return pixels


def _decode_heic(content: bytes, header: ImageHeader) -> tuple[Array, str | None]:
    decode: Callable[[bytes], Array] = plugins.load("posedeploy.predict.heif:decode_heic")
    return decode(content), None


_DECODERS: dict[str, Callable[[bytes, ImageHeader], tuple[Array, str | None]]] = {HEIC: _decode_heic}
"""Decoders of formats that OpenCV does not read."""
