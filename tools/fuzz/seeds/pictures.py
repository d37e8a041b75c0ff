"""Seeds of images of every format, animations and videos."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from posedeploy.types import Array
from tests.predict.image_bytes import avif_with_exif, exif, png, png_claiming, ramp, tiff
from tests.predict.test_animations import animated
from tests.predict.videos import make_video
from tools.fuzz.seeds import written

FORMATS = (
    ".png",
    ".jpg",
    ".webp",
    ".bmp",
    ".gif",
    ".tiff",
    ".jp2",
    ".avif",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pam",
    ".pfm",
    ".hdr",
    ".exr",
    ".ras",
)
OF_FLOATS = (".pfm", ".hdr", ".exr")


def images() -> list[bytes]:
    """Return small images in each format that OpenCV writes, with more than 8 bits, and with EXIF."""
    floats = np.dstack([ramp(24, 32)] * 3).astype(np.float32)
    picture = (floats * 255).astype(np.uint8)
    images = [
        content
        for suffix in FORMATS
        if (content := _encoded(suffix, floats if suffix in OF_FLOATS else picture))
    ]
    deep = (ramp(24, 32) * 65535).astype(np.uint16)
    images += [png(deep, (b"sBIT", b"\x0c")), png(picture, (b"eXIf", exif(6))), png_claiming(64, 64)]
    images += [
        tiff(deep),
        tiff(picture, order=">"),
        tiff(ramp(24, 32).astype(np.float32)),
        tiff(deep, photometric=0),
    ]
    avif = _encoded(".avif", picture)
    return [*images, avif_with_exif(avif, 6)] if avif else images


def _encoded(suffix: str, picture: Array) -> bytes | None:
    try:
        done, content = cv2.imencode(suffix, picture)
    except cv2.error:  # this build of OpenCV does not write it
        return None
    return content.tobytes() if done else None


def heic_images() -> list[bytes]:
    """Return HEIC images, upright and rotated by a box."""
    import pillow_heif

    stream = io.BytesIO()
    pixels = (np.dstack([ramp(32, 32)] * 3) * 255).astype(np.uint8)
    pillow_heif.from_bytes("RGB", (32, 32), pixels.tobytes()).save(stream, quality=50)
    return [stream.getvalue()]


def pngs() -> list[bytes]:
    """Return PNG images only, for the mutator that corrects the checksums."""
    beginnings = (b"\x89PNG",)
    return [each for each in images() if each.startswith(beginnings)] + [written("a.png", animated)]


def tiffs() -> list[bytes]:
    """Return TIFF images only, of one page and of several."""
    pages = [np.full((8, 8, 3), value, np.uint8) for value in (0, 100, 200)]
    several = written("a.tiff", lambda path: cv2.imwritemulti(str(path), pages))
    return [*(each for each in images() if each[:2] in (b"II", b"MM")), several]


def animations() -> list[bytes]:
    """Return animations in every format that OpenCV reads."""
    return [written(name, animated) for name in ("a.gif", "a.webp", "a.png", "a.avif")] + tiffs()[-1:]


VIDEOS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("a.mp4", "libx264", {}),
    ("a.mov", "mjpeg", {"pix_fmt": "yuvj420p"}),
    ("a.mkv", "libx264", {}),
    ("a.webm", "libvpx", {}),
    ("a.avi", "mpeg4", {}),
    ("a.ts", "libx264", {}),
    ("a.mjpeg", "mjpeg", {"pix_fmt": "yuvj420p"}),
    ("a.flv", "flv", {}),
)


def videos() -> list[bytes]:
    """Return small videos in several containers and codecs, one with sound and one that is rotated."""
    images = [written(name, lambda path, c=codec, m=more: _video(path, c, m)) for name, codec, more in VIDEOS]  # type: ignore[misc]
    images.append(
        written("a.mp4", lambda path: make_video(path, stamps=range(4), sound="aac", size=(32, 32)))
    )
    images.append(
        written("a.mp4", lambda path: make_video(path, stamps=range(4), rotation=90, size=(32, 32)))
    )
    return [*images, b"".join(_jpegs())]


def _video(path: Path, codec: str, more: dict[str, str]) -> None:
    base = Fraction(1, 1000) if codec == "flv" else Fraction(1, 25)
    make_video(path, codec, stamps=range(4), size=(32, 32), time_base=base, **more)  # type: ignore[arg-type]


def _jpegs() -> list[bytes]:
    return [
        cv2.imencode(".jpg", np.full((16, 16, 3), value, np.uint8))[1].tobytes() for value in (0, 90, 250)
    ]
