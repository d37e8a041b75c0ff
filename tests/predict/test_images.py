from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from posedeploy.errors import InputError
from posedeploy.predict.images import read_image, read_picture
from posedeploy.types import Array
from tests.predict.conftest import write_image


@pytest.mark.parametrize(
    "name", ["gray.png", "deep.png", "deep_grey.png", "alpha.png", "dot.png", "wide.png", "ski día 雪.jpg"]
)
def test_every_image_format_becomes_8_bit_bgr(name: str, tmp_path: Path, photo: Array) -> None:
    image = {
        "gray.png": photo[..., 0],
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty (0 bytes), not an image; copy or download it again"),
        (
            b"these are words, not pixels",
            "not an image but a text file; if it is a server",
        ),
        (b"\1\2\3\4", "not an image but 4 bytes of an unknown format; expected .jpg, .jpeg"),
        (b"<!DOCTYPE html>\n<html>", "not an image but an HTML page; it is often a download warning"),
        (
            b"version https://git-lfs.github.com/spec/v1",
            "not an image but a Git LFS pointer; run `git lfs",
        ),
        (b'<?xml version="1.0"?><svg xmlns="">', "not an image but an XML document; if it is a server"),
        (
            b'{"error": "Not Found"}',
            "not an image but a JSON document; if it is a server",
        ),
        (b"\0\0\0\x18ftypisom", "not an image but a video; expected .jpg"),
        (b"%PDF-1.7", "not an image but a PDF document; expected .jpg"),
        (b"\xff\xd8\xff\xd9", "the JPEG contains no image; copy or download it again"),
        (None, "no such file; pass an image"),
    ],
)
def test_a_file_that_is_not_an_image_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "no.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(f"no.jpg: {message}")):
        read_image(path)


def test_a_decoder_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "no.webp"
    path.write_bytes(b"RIFF\0\0\0\0WEBPVP8 ")
    with pytest.raises(InputError):
        read_image(path)
    assert capfd.readouterr() == ("", "")


def _by_pillow(mode: str, form: str, photo: Array, **options: Any) -> tuple[bytes, Array]:
    """Write a file, and return its pixels as Pillow decodes them."""
    image = Image.fromarray(np.ascontiguousarray(photo[..., ::-1])).convert(mode)
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue(), np.asarray(Image.open(file).convert("RGB"))[..., ::-1]


@pytest.mark.parametrize(
    ("mode", "form", "options"),
    [
        ("CMYK", "JPEG", {}),
        ("L", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True}),
        ("P", "PNG", {}),
        ("1", "PNG", {}),
        ("LA", "PNG", {}),
        ("RGBA", "WEBP", {"lossless": True}),
        ("P", "BMP", {}),
        ("P", "TIFF", {}),
        ("1", "TIFF", {"compression": "group4"}),
        ("CMYK", "TIFF", {}),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}),
        ("RGB", "TIFF", {"compression": "jpeg"}),
        ("RGB", "TIFF", {"big_tiff": True}),
        ("P", "GIF", {}),
    ],
)
def test_every_color_mode_becomes_bgr(
    mode: str, form: str, options: dict[str, Any], tmp_path: Path, photo: Array
) -> None:
    content, expected = _by_pillow(mode, form, photo, **options)
    (tmp_path / "image").write_bytes(content)
    picture = read_picture(tmp_path / "image")
    difference = np.abs(picture.pixels.astype(int) - expected)
    assert difference.mean() < (12 if mode == "CMYK" else 2) and picture.remark is None
