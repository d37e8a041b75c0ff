"""Readers of images, animations and videos."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from posedeploy.content_kinds import kind_of_file
from posedeploy.predict.images import check_declared_size, is_image, read_image
from posedeploy.predict.sources import open_source

MAX_FRAMES = 30


def image_header(path: Path) -> None:
    """Read the header of an image, and identify the kind of the file."""
    kind_of_file(path)
    is_image(path)
    check_declared_size(path)


def image(path: Path) -> None:
    """Decode an image."""
    read_image(path)


def source(path: Path) -> None:
    """Decode a source of ``predict``: an image, an animation or a video."""
    with open_source(str(path)) as opened:
        _use(opened)


def _use(frames: Iterable[object]) -> None:
    for _ in islice(frames, MAX_FRAMES):
        pass
