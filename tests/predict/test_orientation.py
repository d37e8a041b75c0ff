from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from posedeploy import plugins
from posedeploy.errors import MissingPackageError
from posedeploy.predict.images import read_image
from posedeploy.predict.sources import open_source
from posedeploy.types import Array
from tests.predict.image_bytes import avif_with_exif, box, exif, full_box, png, tiff

STORED = np.zeros((32, 48, 3), np.uint8)
STORED[:8] = 255, 0, 0
STORED[:, :12] = 0, 255, 0
"""A BGR image with a blue top and a green left side."""
UPRIGHT: dict[int, Callable[[Array], Array]] = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: np.swapaxes(image, 0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(np.swapaxes(image, 0, 1), 2),
    8: lambda image: np.rot90(image, 1),
}


def _segment(content: bytes) -> bytes:
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content


def _jpeg(orientation: int) -> bytes:
    content = cv2.imencode(".jpg", STORED)[1].tobytes()
    return content[:2] + _segment(b"Exif\0\0" + exif(orientation)) + content[2:]


def _by_pillow(form: str, orientation: int, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(STORED[..., ::-1]).save(file, form, exif=exif(orientation), **options)  # type: ignore[arg-type]
    return file.getvalue()


def _avif(orientation: int) -> bytes:
    return avif_with_exif(
        cv2.imencode(".avif", STORED, [cv2.IMWRITE_AVIF_QUALITY, 100])[1].tobytes(), orientation
    )


def _heic(orientation: int) -> bytes:
    pillow_heif.register_heif_opener()
    return _by_pillow("HEIF", orientation, quality=100)


WRITERS: dict[str, Callable[[int], bytes]] = {
    "jpeg": _jpeg,
    "png": lambda orientation: png(STORED, (b"eXIf", exif(orientation))),
    "png of 16 bits": lambda orientation: png(STORED.astype(np.uint16) * 257, (b"eXIf", exif(orientation))),
    "webp": lambda orientation: _by_pillow("WEBP", orientation, lossless=True),
    "tiff": lambda orientation: tiff(STORED[..., ::-1], tags={274: orientation}),
    "tiff of 16 bits": lambda turn: tiff(STORED[..., ::-1].astype(np.uint16) * 257, tags={274: turn}),
    "tiff of floats": lambda turn: tiff((STORED[..., ::-1] / 255).astype(np.float32), tags={274: turn}),
    "avif with boxes": lambda orientation: _by_pillow("AVIF", orientation, quality=100),
    "avif with exif": _avif,
    "heic": _heic,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", WRITERS)
def test_every_image_is_read_upright(kind: str, orientation: int, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(WRITERS[kind](orientation))
    upright = UPRIGHT[orientation](STORED)
    image = read_image(tmp_path / "image")
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 12


def test_heic_without_its_package_is_skipped_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.heic").write_bytes(_heic(1))
    (tmp_path / "b.jpg").write_bytes(_jpeg(1))

    def missing(name: str, asked: object = None) -> object:
        raise plugins.missing_package(ModuleNotFoundError("No module", name="pillow_heif"))

    monkeypatch.setattr(plugins, "load", missing)
    message = r"a\.heic: HEIC: this needs the package pillow_heif.*pip install 'posedeploy\[heif\]'"
    with pytest.raises(MissingPackageError, match=message):
        read_image(tmp_path / "a.heic")
    source = open_source(str(tmp_path))
    assert [frame.name for frame in source] == ["b.jpg"]
    assert len(source.problems) == 1 and "pillow_heif" in source.problems[0]


@pytest.mark.parametrize("name", [b"meta", b"pitm", b"ipma", b"ispe", b"iprp"], ids=bytes.decode)
@pytest.mark.parametrize("kind", ["avif with boxes", "heic"])
def test_a_heif_file_without_a_required_box_is_refused(kind: str, name: bytes, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(WRITERS[kind](6).replace(name, b"none", 1))
    with pytest.raises(Exception, match=r"image: the image header is damaged or truncated; copy or d"):
        read_image(tmp_path / "image")


def test_a_video_with_similar_first_bytes_is_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(box(b"ftyp", b"isom", bytes(4), b"isom", b"mp41") + full_box(b"meta", 0))
    with pytest.raises(Exception, match="not an image"):
        read_image(tmp_path / "clip")
