from __future__ import annotations

import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.predict.images import is_cut_off, read_image
from posedeploy.types import Array
from tests.predict.conftest import write_image


@pytest.mark.parametrize(
    "name", ["grey.png", "deep.png", "deep_grey.png", "alpha.png", "dot.png", "wide.png", "ski día 雪.jpg"]
)
def test_every_kind_of_image_becomes_8_bit_bgr(name: str, tmp_path: Path, photo: Array) -> None:
    image = {
        "grey.png": photo[..., 0],
        "deep.png": photo.astype(np.uint16) * 256 + 255,
        "deep_grey.png": photo[..., 0].astype(np.uint16) * 256,
        "alpha.png": np.dstack([photo, photo[..., 0]]),
        "dot.png": photo[:1, :1],
        "wide.png": np.tile(photo[:4, :250], (1, 80, 1)),
        "ski día 雪.jpg": photo,
    }[name]
    read = read_image(write_image(tmp_path / name, image))
    assert read.shape == (*image.shape[:2], 3)
    assert read.dtype == np.uint8
    if name in ("deep.png", "alpha.png"):
        np.testing.assert_array_equal(read, photo)


def test_exif_orientation_is_followed(tmp_path: Path, photo: Array) -> None:
    jpeg = cv2.imencode(".jpg", photo)[1].tobytes()
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    path = tmp_path / "upright.jpg"
    path.write_bytes(jpeg[:2] + _segment(b"Exif\0\0" + tiff) + jpeg[2:])
    assert read_image(path).shape == (photo.shape[1], photo.shape[0], 3)


def _segment(content: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
def test_an_image_that_is_cut_off_is_refused(suffix: str, share: float, tmp_path: Path, photo: Array) -> None:
    content = cv2.imencode(suffix, photo)[1].tobytes()
    path = tmp_path / f"half{suffix}"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"half.*: the image is cut off: its \d+ bytes end before.*copy"):
        read_image(path)


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_image(photo: Array) -> None:
    jpeg = cv2.imencode(".jpg", photo)[1].tobytes()
    thumbnail = cv2.imencode(".jpg", photo[::16, ::16])[1].tobytes()
    with_thumbnail = jpeg[:2] + _segment(b"Exif\0\0" + thumbnail) + jpeg[2:]
    assert not is_cut_off(with_thumbnail)
    assert not is_cut_off(with_thumbnail + b"what some cameras append")
    assert is_cut_off(with_thumbnail[: len(with_thumbnail) // 2])
    progressive = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert not is_cut_off(progressive)
    assert is_cut_off(progressive[:-2])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty (0 bytes), not an image; copy or download it again"),
        (b"these are words, not pixels", "its 27 bytes are not an image that OpenCV reads, or a damaged one"),
        (b"\xff\xd8\xff\xd9", "its 4 bytes are not an image"),
        (None, "cannot be read (No such file or directory); name an image that can"),
    ],
)
def test_what_is_no_image_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "no.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(f"no.jpg: {message}")):
        read_image(path)


def test_a_refusal_leaves_the_terminal_to_the_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "no.webp"
    path.write_bytes(b"RIFF\0\0\0\0WEBPVP8 ")
    with pytest.raises(InputError):
        read_image(path)
    assert capfd.readouterr() == ("", "")
