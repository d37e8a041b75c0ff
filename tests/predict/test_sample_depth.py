from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.predict.images import Picture, read_picture
from posedeploy.types import Array
from tests.predict.image_bytes import png, ramp, tiff

RAMP = ramp()
COLOR = np.repeat(RAMP[..., None], 3, axis=2)
SMAX, MAX, WHITE_IS_ZERO, CMYK = 341, 281, 0, 5


def _read(content: bytes, folder: Path) -> Picture:
    (folder / "image").write_bytes(content)
    return read_picture(folder / "image")


def _is_ramp(picture: Picture, white: float = 255.0) -> bool:
    """Return whether every channel is the ramp within one 8-bit step."""
    return bool(np.abs(picture.pixels - white * COLOR).max() <= 1)


def _deep(bits: int, pixels: Array = COLOR) -> Array:
    return (pixels * ((1 << bits) - 1)).astype(np.uint16)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["png", "gray png", "jp2", "tiff", "tiff of a PC", "tiff of a Mac", "ppm"])
def test_samples_are_scaled_by_their_significant_bits(bits: int, kind: str, tmp_path: Path) -> None:
    pixels = _deep(bits)
    content = {
        "png": lambda: cv2.imencode(".png", pixels)[1].tobytes(),
        "gray png": lambda: cv2.imencode(".png", pixels[..., 0])[1].tobytes(),
        "jp2": lambda: cv2.imencode(".jp2", pixels)[1].tobytes(),
        "tiff": lambda: cv2.imencode(".tif", pixels)[1].tobytes(),
        "tiff of a PC": lambda: tiff(pixels),
        "tiff of a Mac": lambda: tiff(pixels, order=">"),
        "ppm": lambda: b"P6 64 40 %d\n" % pixels.max() + pixels.astype(">u2" if bits > 8 else "u1").tobytes(),
    }[kind]()
    picture = _read(content, tmp_path)
    assert _is_ramp(picture)
    message = f"16-bit samples with a maximum of {(1 << bits) - 1} are read as {bits}-bit samples"
    assert picture.remark == (None if bits == 16 or kind == "ppm" else message)


def test_full_range_samples_lose_only_their_lowest_bits(tmp_path: Path, photo: Array) -> None:
    content = cv2.imencode(".png", photo.astype(np.uint16) * 256 + 255)[1].tobytes()
    np.testing.assert_array_equal(_read(content, tmp_path).pixels, photo)


@pytest.mark.parametrize(
    ("declared", "largest", "bits"),
    [(12, 1000, 12), (16, 1000, 16), (10, 1000, 10), (12, 65535, 16), (None, 1000, 10)],
)
def test_the_declared_depth_of_a_png_is_used_if_its_values_fit(
    declared: int | None, largest: int, bits: int, tmp_path: Path
) -> None:
    chunks = [(b"sBIT", bytes([declared] * 3))] if declared else []
    picture = _read(png((COLOR * largest).astype(np.uint16), *chunks), tmp_path)
    assert _is_ramp(picture, 255 * largest / ((1 << bits) - 1))


@pytest.mark.parametrize("tag", [SMAX, MAX])
def test_the_declared_depth_of_a_tiff_is_used(tag: int, tmp_path: Path) -> None:
    pixels = (COLOR * 1000).astype(np.uint16)
    assert _is_ramp(_read(tiff(pixels, tags={tag: 4095}), tmp_path), 255 * 1000 / 4095)
    full = _read(tiff(pixels, tags={tag: 65535}), tmp_path)
    assert _is_ramp(full, 255 * 1000 / 65535) and full.remark is None


@pytest.mark.parametrize("bits", [10, 12])
def test_the_depth_of_avif_is_read(bits: int, tmp_path: Path) -> None:
    content = cv2.imencode(
        ".avif", _deep(bits), [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100]
    )
    picture = _read(content[1].tobytes(), tmp_path)
    assert np.abs(picture.pixels - 255 * COLOR).max() < 12 and picture.remark is None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("white", "told"),
    [(1, "0 to 1"), (255, "0 to 255"), (4095, "0 to 4095"), (65535, "0 to 65535")],
)
def test_floats_are_scaled_to_8_bits(order: str, dtype: str, white: int, told: str, tmp_path: Path) -> None:
    for pixels in (RAMP, COLOR, np.dstack([COLOR, RAMP])):
        picture = _read(tiff((pixels * white).astype(dtype), order=order), tmp_path)
        assert _is_ramp(picture)
        assert picture.remark == f"float samples with a maximum of {white:g} are read as {told}"


def test_floats_that_are_not_finite_are_black_and_reported(tmp_path: Path) -> None:
    pixels = COLOR.astype(np.float32)
    pixels[-1, -1] = np.nan, np.inf, -np.inf
    picture = _read(tiff(pixels), tmp_path)
    assert picture.pixels[-1, -1].tolist() == [0, 0, 0] and picture.pixels[-1, -2].tolist() == [255] * 3
    assert picture.remark is not None and picture.remark.endswith(
        "read as 0 to 1, and the 3 of 7,680 that are not finite as black"
    )
    nothing = _read(tiff(np.full_like(pixels, np.nan)), tmp_path)
    assert not nothing.pixels.any()


def test_negative_values_are_black(tmp_path: Path) -> None:
    assert (
        _is_ramp(_read(tiff((COLOR * 8190 - 4095).clip(-4095, 4095).astype(np.int16)), tmp_path), 0) is False
    )
    picture = _read(tiff(np.where(COLOR > 0.5, 4095, -7).astype(np.int16)), tmp_path)
    assert np.unique(picture.pixels).tolist() == [0, 255]


def test_inverted_tiffs_are_read(tmp_path: Path) -> None:
    deep = tiff(_deep(12, 1 - RAMP), photometric=WHITE_IS_ZERO)
    plain = tiff((255 - RAMP * 255).astype(np.uint8), photometric=WHITE_IS_ZERO)
    assert _is_ramp(_read(deep, tmp_path)) and _is_ramp(_read(plain, tmp_path))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (tiff(RAMP.astype(np.float16)), "TIFF of 16-bit floats"),
        (tiff(_deep(12, np.repeat(RAMP[..., None], 2, 2))), "TIFF with 2 samples of 16 bits per pixel"),
        (tiff(_deep(12, np.repeat(RAMP[..., None], 4, 2)), photometric=CMYK), "TIFF of 16-bit CMYK samples"),
    ],
)
def test_a_format_that_opencv_does_not_read_is_refused_by_name(
    content: bytes, named: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"image: OpenCV does not read {named}; convert the image to PNG or"):
        _read(content, tmp_path)
