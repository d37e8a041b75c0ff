"""One image file becomes BGR pixels, or a clear refusal: the one reader of predict, parity and evaluate."""

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
    Header,
    HeaderError,
    looks_like_image,
    read_header,
    still_png,
)
from posedeploy.predict.sample_depth import to_8_bits
from posedeploy.types import Array

# OpenCV's own remarks stay off the terminal: what matters of them is in our errors.
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
"""What undoes each of EXIF's orientations: a rotation, then a flip."""


_VIDEO = re.compile(rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ", re.DOTALL)
_TEXTS = ("html", "lfs", "json", "xml", "text")
"""What a failed download leaves under the name of an image."""


@dataclass(frozen=True)
class Picture:
    """An image that was read.

    pixels: (H, W, 3) uint8 BGR, upright. remark: how its samples were read, where the file leaves that open.
    """

    pixels: Array
    remark: str | None = None


def is_image(path: Path) -> bool:
    """Return whether a file is named like an image, or begins like one."""
    if path.suffix.lower() in SUFFIXES:
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return looks_like_image(file.read(512))


def check_claims(path: Path) -> None:
    """Refuse an image that claims to be too large, before its frames are counted. JPEG, which has one alone,
    is left to ``read_picture``, and so is damage.

    Raises:
        InputError: it claims too many px.
        OSError: it cannot be read.
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
    """Return an image file as (H, W, 3) uint8 BGR, upright as its EXIF or its boxes say.

    Gray becomes BGR, alpha is dropped, and samples of more bits, or floats, become 8 bits.

    Raises:
        InputError: the file is missing, unreadable, empty, cut off, too large, or not an image.
        MissingPackageError: it is HEIC, and the package that reads HEIC is not installed.
    """
    content = read_bytes(path, "an image", MAX_IMAGE_BYTES)
    if not content:
        raise InputError(f"{path}: the file is empty (0 bytes), not an image; copy or download it again")
    try:
        header = read_header(content)
    except HeaderError as error:
        raise InputError(f"{path}: {error}; copy or download it again") from error
    if header is None:
        raise _not_an_image(path, content)
    check_size(path, header)
    if header.unreadable is not None:
        raise InputError(
            f"{path}: {header.unreadable}, which OpenCV does not read; convert it to PNG or JPEG"
        )
    return _decoded(path, content, header)


def check_size(path: Path, header: Header, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse an image that is too large to decode, or has no pixels.

    Args:
        max_pixels: of 8 bits.

    Raises:
        InputError: it is.
    """
    allowed = max_pixels * 8 // max(header.bits, 8)
    if max(header.width, header.height) > MAX_SIDE or header.width * header.height > allowed:
        raise InputError(
            f"{path}: the image has {header.width:,} x {header.height:,} px of {header.bits} bits, and may "
            f"have {MAX_SIDE:,} px a side and {allowed:,} px in all; make it smaller"
        )
    if min(header.width, header.height) < 1:
        raise InputError(
            f"{path}: the image has {header.width} x {header.height} px; copy or download it again"
        )


def _not_an_image(path: Path, content: bytes) -> InputError:
    kind = kind_of(io.BytesIO(content))
    found, remedy = kind.what, f"; {kind.remedy}" if kind.name in _TEXTS else ""
    if _VIDEO.match(content):
        found = "a video"
    elif kind.name == "unknown":
        found = f"{len(content):,} bytes of no format that is known"
    return InputError(f"{path}: not an image but {found}{remedy}; wanted {', '.join(SUFFIXES)}")


def _decoded(path: Path, content: bytes, header: Header) -> Picture:
    decode = _DECODERS.get(header.format, _decode_deep if is_deep(header) else _decode_8_bits)
    try:
        pixels, remark = decode(content, header)
    except MissingPackageError as error:
        raise MissingPackageError(f"{path}: {header.format}: {error.what}", error.command) from error
    except (cv2.error, ValueError, RuntimeError, MemoryError) as error:
        raise InputError(
            f"{path}: the {header.format} image is damaged or of a kind that is not read "
            f"({first_line(error)}); copy it again, or convert it to PNG or JPEG"
        ) from error
    turn, flip = _TURNS.get(header.orientation, (None, None))
    pixels = pixels if turn is None else cv2.rotate(pixels, turn)
    return Picture(pixels if flip is None else cv2.flip(pixels, flip), remark)


def is_deep(header: Header) -> bool:
    """Return whether the samples are not 8 bits that stand for themselves."""
    narrow = header.format in ("PNM", "PAM") and header.white not in (None, 255)
    return header.bits > 8 or header.samples != "unsigned" or narrow


def _decode_8_bits(content: bytes, header: Header) -> tuple[Array, str | None]:
    # Not IMREAD_UNCHANGED: that leaves the EXIF orientation out.
    return _by_opencv(content, cv2.IMREAD_COLOR), None


def _decode_deep(content: bytes, header: Header) -> tuple[Array, str | None]:
    # OpenCV turns every TIFF, and reads one of floats with alpha only unchanged.
    unchanged = header.format == "TIFF"
    flags = cv2.IMREAD_UNCHANGED if unchanged else cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    pixels = _by_opencv(content, flags)
    pixels, remark = to_8_bits(pixels[..., :3] if pixels.ndim == 3 else pixels[..., None], header)
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR) if pixels.shape[2] == 1 else pixels, remark


def _by_opencv(content: bytes, flags: int) -> Array:
    if content.startswith(b"\x89PNG"):
        content = still_png(content)
    pixels: Array | None = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise ValueError("OpenCV cannot decode it")
    return pixels


def _decode_heic(content: bytes, header: Header) -> tuple[Array, str | None]:
    decode: Callable[[bytes], Array] = plugins.load("posedeploy.predict.heif:decode_heic")
    return decode(content), None


_DECODERS: dict[str, Callable[[bytes, Header], tuple[Array, str | None]]] = {HEIC: _decode_heic}
"""Those that are not OpenCV's, by format."""
