"""The headers of image files: format, size and sample format.

They are checked before decoding, because OpenCV allocates the size that a file declares.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from posedeploy.predict import heif_boxes, tiff_header

HEIC = "HEIC"
_TRUNCATED = "the image is truncated: its {:,} bytes end before the format's end marker"

Samples = Literal["unsigned", "signed", "float"]


class HeaderError(ValueError):
    """A header that is damaged, or contradicts the size of the file."""


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """The header of an image.

    width, height: px as stored. bits: per sample as stored. white: the largest value that the file declares;
    None if it declares none. is_inverted: 0 is white. orientation: the EXIF orientation that OpenCV does not
    apply, otherwise 1. unreadable: the feature that OpenCV does not read; None if it reads the file.
    """

    format: str
    width: int
    height: int
    bits: int = 8
    samples: Samples = "unsigned"
    white: int | None = None
    is_inverted: bool = False
    orientation: int = 1
    unreadable: str | None = None


def looks_like_image(beginning: bytes) -> bool:
    """Return whether a file with these first bytes, 512 or more, is an image of a known format."""
    return any(magic.match(beginning) for magic, _ in _PARSERS)


def read_header(content: bytes) -> ImageHeader | None:
    """Return the header of an image; None if the content does not have the signature of one.

    Raises:
        HeaderError: the header is damaged.
    """
    for magic, parse in _PARSERS:
        if magic.match(content):
            try:
                return parse(content)
            except HeaderError:
                raise
            except (struct.error, LookupError, AttributeError, ValueError, OverflowError) as error:
                raise HeaderError("the image header is damaged or truncated") from error
    return None


def _parse_png(content: bytes) -> ImageHeader:
    """Check the length of every chunk, as OpenCV allocates it."""
    width, height, bits, color = struct.unpack_from(">IIBB", content, 16)
    header, at = ImageHeader(format="PNG", width=width, height=height, bits=bits), 8
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if at + 12 + length > len(content):
            name = kind.decode("ascii", "backslashreplace")
            raise HeaderError(
                f"the image is truncated or damaged: its chunk {name} at byte {at} declares {length:,} "
                f"bytes, but only {max(len(content) - at - 12, 0):,} follow"
            )
        if kind == b"sBIT" and length and color != 3:  # for a palette, sBIT describes its colors
            significant = max(content[at + 8 : at + 8 + length])
            header = replace(header, white=(1 << significant) - 1) if significant <= bits else header
        if kind == b"IEND":
            return header
        at += 12 + length
    raise HeaderError(_TRUNCATED.format(len(content)))


def strip_png_animation(content: bytes) -> bytes:
    """Return a PNG without its animation chunks: OpenCV 5.0 crashes on damaged animated PNGs.

    Args:
        content: a complete PNG, checked by ``read_header``.
    """
    kept, at = [content[:8]], 8
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if kind not in _PNG_ANIMATION:
            kept.append(content[at : at + 12 + length])
        if kind == b"IEND":
            break
        at += 12 + length
    return b"".join(kept)


_PNG_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_JPEG_SEGMENT = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_JPEG_END = 0xD9
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def _parse_jpeg(content: bytes) -> ImageHeader:
    """Skip the content of segments, as an embedded thumbnail has its own size and end marker."""
    header, at = None, 2
    while segment := _JPEG_SEGMENT.search(content, at):
        marker, start = segment[1][0], segment.end()
        if marker == _JPEG_END and header is not None:
            return header
        if marker == _JPEG_END:
            raise HeaderError("the JPEG contains no image")
        (length,) = struct.unpack_from(">H", content, start)
        if marker in _JPEG_FRAMES and header is None:
            bits, height, width = struct.unpack_from(">BHH", content, start + 2)
            unreadable = None if bits == 8 else f"{bits}-bit JPEG"
            header = ImageHeader(format="JPEG", width=width, height=height, bits=bits, unreadable=unreadable)
        at = start + length
    raise HeaderError(_TRUNCATED.format(len(content)))


def _parse_webp(content: bytes) -> ImageHeader:
    length = int.from_bytes(content[4:8], "little") + 8
    if length > len(content) + 1:  # some writers count a padding byte that they omit
        raise HeaderError(
            f"the image is truncated: its header declares {length:,} bytes, but it has {len(content):,}"
        )
    if content[12:16] == b"VP8X":
        size = [int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27)]
    elif content[12:16] == b"VP8L":
        (packed,) = struct.unpack_from("<I", content, 21)
        size = [(packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1]
    else:
        size = [length & 0x3FFF for length in struct.unpack_from("<HH", content, 26)]
    return ImageHeader(format="WebP", width=size[0], height=size[1])


def _parse_bmp(content: bytes) -> ImageHeader:
    old = int.from_bytes(content[14:18], "little") == 12
    width, height = struct.unpack_from("<HH" if old else "<ii", content, 18)
    return ImageHeader(format="BMP", width=abs(width), height=abs(height))


def _parse_gif(content: bytes) -> ImageHeader:
    width, height = struct.unpack_from("<HH", content, 6)
    return ImageHeader(format="GIF", width=width, height=height)


def _parse_tiff(content: bytes) -> ImageHeader:
    tags = tiff_header.read_tags(content)
    bits = max(tags.bits)
    return ImageHeader(
        format="TIFF",
        width=tags.width,
        height=tags.height,
        bits=bits,
        samples="float" if tags.sample_format == 3 else "signed" if tags.sample_format == 2 else "unsigned",
        # OpenCV scales packed samples of 10, 12 and 14 bits to 16 bits.
        white=65535 if bits in (10, 12, 14) else tags.max_value,
        is_inverted=tags.photometric == tiff_header.WHITE_IS_ZERO,
        unreadable=tiff_header.find_unreadable_feature(tags),
    )


def _parse_jp2(content: bytes) -> ImageHeader:
    at = content.index(b"\xff\x4f\xff\x51", 0, 1 << 16) if b"\xff\x4f\xff\x51" in content[: 1 << 16] else -1
    if at < 0:
        raise HeaderError("the JPEG 2000 image is damaged or truncated: it has no code stream")
    right, bottom, left, top = struct.unpack_from(">IIII", content, at + 8)
    return ImageHeader(
        format="JPEG 2000", width=right - left, height=bottom - top, bits=(content[at + 42] & 0x7F) + 1
    )


def _parse_avif(content: bytes) -> ImageHeader:
    image = heif_boxes.read_primary_image(content)
    return ImageHeader(format="AVIF", width=image.width, height=image.height, orientation=image.orientation)


def _parse_heic(content: bytes) -> ImageHeader:
    image = heif_boxes.read_primary_image(content)
    orientation = 1 if image.by_box else image.orientation  # libheif applies the boxes
    return ImageHeader(format=HEIC, width=image.width, height=image.height, orientation=orientation)


_PNM_NUMBER = re.compile(rb"(?:\s|#[^\n]*\n)+(-?[0-9.]+)")


def _parse_pnm(content: bytes) -> ImageHeader:
    numbers, at = [], 2
    for _ in range(2 if content[1:2] in b"14" else 3):
        number = _PNM_NUMBER.match(content, at)
        if number is None:
            raise HeaderError("the image header is damaged")
        numbers.append(number[1])
        at = number.end()
    width, height = int(numbers[0]), int(numbers[1])
    if content[1:2] in b"Ff":
        return ImageHeader(format="PFM", width=width, height=height, bits=32, samples="float")
    white = int(numbers[2]) if len(numbers) == 3 else 255
    _check_white(white)
    bits = 16 if white > 255 else 8
    return ImageHeader(format="PNM", width=width, height=height, bits=bits, white=white)


def _check_white(white: int) -> None:
    if not 0 < white < 1 << 16:
        raise HeaderError(f"the image declares a largest value of {white:,}; expected 1 to 65,535")


_PAM_FIELD = re.compile(rb"^(WIDTH|HEIGHT|MAXVAL)\s+(\d+)\s*$", re.MULTILINE)


def _parse_pam(content: bytes) -> ImageHeader:
    fields = {name: int(value) for name, value in _PAM_FIELD.findall(content[:1024])}
    if len(fields) < 3:
        raise HeaderError("the image header is damaged")
    white = fields[b"MAXVAL"]
    _check_white(white)
    return ImageHeader(
        format="PAM",
        width=fields[b"WIDTH"],
        height=fields[b"HEIGHT"],
        bits=16 if white > 255 else 8,
        white=white,
    )


def _parse_sun(content: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", content, 4)
    return ImageHeader(format="Sun raster", width=width, height=height)


_HDR_SIZE = re.compile(rb"\n[-+][XY] (\d+) [-+][XY] (\d+)\n")


def _parse_hdr(content: bytes) -> ImageHeader:
    size = _HDR_SIZE.search(content, 0, 1 << 16)
    if size is None:
        raise HeaderError("the image header is damaged")
    return ImageHeader(
        format="Radiance HDR", width=int(size[2]), height=int(size[1]), bits=32, samples="float"
    )


_PARSERS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], ImageHeader]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _parse_jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _parse_png),
    (re.compile(rb"RIFF.{4}WEBPVP8", re.DOTALL), _parse_webp),
    (re.compile(rb"(II[*+]\0|MM\0[*+])"), _parse_tiff),
    (re.compile(rb".{4}ftyp(avi[fs]|.{4}.{4}(.{4}){,60}?avif)", re.DOTALL), _parse_avif),
    (re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL), _parse_heic),
    (re.compile(rb"BM.{12}[\x0c\x28-\x7c]\0\0\0", re.DOTALL), _parse_bmp),
    (re.compile(rb"GIF8[79]a"), _parse_gif),
    (re.compile(rb"(\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51)"), _parse_jp2),
    (re.compile(rb"P[1-6Ff](?:\s|#[^\n]*\n)+\d+\s"), _parse_pnm),
    (re.compile(rb"P7\n"), _parse_pam),
    (re.compile(rb"\x59\xa6\x6a\x95"), _parse_sun),
    (re.compile(rb"#\?(RADIANCE|RGBE)\n"), _parse_hdr),
)
"""The parser of each format, by the signature of the file."""
