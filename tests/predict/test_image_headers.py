from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.predict.image_headers import HeaderError, looks_like_image, read_header
from posedeploy.predict.images import read_image, read_picture
from posedeploy.types import Array
from tests.predict.image_bytes import png_claiming, ramp, tiff

SIZE = (40, 64)
GRAY = (ramp(*SIZE) * 255).astype(np.uint8)
COLOR = np.dstack([GRAY, GRAY[::-1], GRAY[:, ::-1]])
SUFFIXES = [".jpg", ".png", ".webp", ".bmp", ".tif", ".avif", ".jp2", ".ppm", ".gif", ".ras", ".hdr", ".pam"]
PLAIN = {
    "pbm": b"P1\n# made by hand\n4 2\n0 1 0 1 0 1 0 1\n",
    "pgm": b"P2 4 2 15\n0 1 2 3 4 5 6 15\n",
    "pfm": b"Pf\n4 2\n-1.0\n" + bytes(32),
    "jp2 code stream": None,
}


def _encoded(suffix: str) -> bytes:
    return cv2.imencode(suffix, COLOR.astype(np.float32) if suffix == ".hdr" else COLOR)[1].tobytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_is_read_from_the_header(suffix: str, tmp_path: Path) -> None:
    content = _encoded(suffix)
    header = read_header(content)
    assert header is not None
    assert (header.height, header.width) == SIZE
    assert looks_like_image(content[:512])
    (tmp_path / "image").write_bytes(content)
    assert read_image(tmp_path / "image").shape == (*SIZE, 3)


@pytest.mark.parametrize("lossless", [0, 101])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_the_size_of_every_webp_variant_is_read(lossless: int, has_alpha: bool) -> None:
    pixels = np.dstack([COLOR, GRAY]) if has_alpha else COLOR
    header = read_header(cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, lossless])[1].tobytes())
    assert header is not None and (header.height, header.width) == SIZE


@pytest.mark.parametrize("kind", ["pbm", "pgm", "pfm"])
def test_the_headers_of_plain_formats_are_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(PLAIN[kind] or b"")
    assert read_image(tmp_path / "image").shape == (2, 4, 3)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.6, 0.95])
def test_a_truncated_image_is_refused(suffix: str, share: float, tmp_path: Path) -> None:
    content = _encoded(suffix)
    path = tmp_path / f"half{suffix}"
    path.write_bytes(content[: max(4, int(len(content) * share))])
    with pytest.raises(InputError, match=r"half\.\w+: .*(truncated|damaged|not an image).*(copy|expected)"):
        read_image(path)


def _bmp(width: int, height: int) -> bytes:
    return b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 24, 0, 0, 0, 0, 0, 0)


def _pam(width: int, height: int) -> bytes:
    return f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n".encode()


def _tiff(width: int, height: int) -> bytes:
    return tiff(GRAY, tags={256: width, 257: height})


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (png_claiming, (100_000, 1)),
        (png_claiming, (100_000, 100_000)),
        (png_claiming, (30_000, 30_000)),
        (_bmp, (100_000, 100_000)),
        (_pam, (100_000, 50)),
        (_tiff, (65_000, 65_000)),
    ],
)
def test_an_image_with_too_many_px_is_refused_before_decoding(
    make: Callable[[int, int], bytes], size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "big.png").write_bytes(make(*size))
    monkeypatch.delattr(cv2, "imdecode")
    with pytest.raises(
        InputError,
        match=rf"big\.png: the image has {size[0]:,} x {size[1]:,} px of 8 bits; expected at most 65,535 px "
        "per side and 268,435,456 px in total; scale it down",
    ):
        read_image(tmp_path / "big.png")


def test_the_limit_of_px_is_lower_for_deep_images(tmp_path: Path) -> None:
    (tmp_path / "deep.tif").write_bytes(tiff(ramp(), tags={256: 10_000, 257: 10_000}))
    with pytest.raises(
        InputError, match=r"10,000 x 10,000 px of 64 bits; expected .* 33,554,432 px in total"
    ):
        read_image(tmp_path / "deep.tif")


def test_a_chunk_longer_than_the_file_is_refused_before_decoding(tmp_path: Path) -> None:
    content = bytearray(_encoded(".png"))
    at = content.index(b"IDAT") - 4
    content[at : at + 4] = b"\xff\0\0\x13"
    (tmp_path / "big.png").write_bytes(content)
    with pytest.raises(
        InputError,
        match=r"big\.png: the image is truncated or damaged: its chunk IDAT at byte \d+ declares "
        r"4,278,190,099 bytes, but only [\d,]+ follow; copy or download it again",
    ):
        read_image(tmp_path / "big.png")


@pytest.mark.parametrize("text", [b"P1 is a name", b"P5\nnotes of today", b"BM of a day, and more", b"II*"])
def test_a_text_with_similar_first_bytes_is_not_an_image(text: bytes) -> None:
    assert not looks_like_image(text)


def test_an_image_of_size_0_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_claiming(0, 5))
    with pytest.raises(InputError, match=r"a\.png: the image has 0 x 5 px; copy or download it again"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif", ".jp2", ".pam"])
def test_damaged_images_raise_input_errors_only(suffix: str, tmp_path: Path) -> None:
    """Each image has random bytes changed. It is read, or refused in one line."""
    content, random = _encoded(suffix), np.random.RandomState(1)
    for _ in range(60):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[random.randint(0, min(len(content), 400), 3)] = random.randint(0, 256, 3)
        (tmp_path / "damaged").write_bytes(damaged.tobytes())
        try:
            picture: Array = read_picture(tmp_path / "damaged").pixels
        except InputError:
            continue
        assert picture.ndim == 3 and picture.dtype == np.uint8


def test_the_end_marker_of_a_thumbnail_does_not_end_the_image(photo: Array) -> None:
    jpeg = cv2.imencode(".jpg", photo)[1].tobytes()
    thumbnail = cv2.imencode(".jpg", photo[::16, ::16])[1].tobytes()
    segment = b"Exif\0\0" + thumbnail
    with_thumbnail = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]
    header = read_header(with_thumbnail + b"what some cameras append")
    assert header is not None and (header.height, header.width) == photo.shape[:2]
    progressive = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    read_header(progressive)
    for half in (with_thumbnail[: len(with_thumbnail) // 2], progressive[:-2]):
        with pytest.raises(
            HeaderError, match=r"the image is truncated: its [\d,]+ bytes end before the format's"
        ):
            read_header(half)


def _png(significant: bytes) -> bytes:
    content = cv2.imencode(".png", np.dstack([GRAY] * 3).astype(np.uint16) * 257)[1].tobytes()
    chunk = b"sBIT" + significant
    packed = struct.pack(">I", len(significant)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:33] + packed + content[33:]


INFINITE = struct.pack("<d", float("inf"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"P6\n" + b"9" * 5000 + b" 1\n255\n", "the image header is damaged or truncated"),
        (b"P6\n4 2\n99999999\n" + bytes(24), "a largest value of 99,999,999; expected 1 to 65,535"),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 0\nENDHDR\n", "a largest value of 0; expected 1"),
        (
            b"II*\0\x08\0\0\0\2\0"
            + struct.pack("<HHIIHHII", 256, 12, 1, 38, 257, 4, 1, 4)
            + bytes(4)
            + INFINITE,
            "the image header is damaged or truncated",
        ),
    ],
    ids=["too many digits", "maximum too large", "maximum of 0", "infinite width"],
)
def test_impossible_numbers_in_a_header_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_image(tmp_path / "image")


def test_too_many_significant_bits_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(_png(b"\xff\xff\xff"))
    (tmp_path / "b.png").write_bytes(_png(b"\x10\x10\x10"))
    assert np.array_equal(read_image(tmp_path / "a.png"), read_image(tmp_path / "b.png"))
