"""``posedeploy samples draw``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.commands.conftest import Invoke


def test_images_are_drawn_and_named(done: Invoke, tmp_path: Path) -> None:
    result = done(
        "samples", "draw", "--count", 2, "--seed", 7, "--size", "128x160", "--people", 2, "-o", "a b"
    )
    assert result.stdout.split("\n")[:3] == [
        "2 images of seed 7",
        "  a b/annotations.json",
        "  a b/000000.png to 000001.png",
    ]
    assert (tmp_path / "a b" / "000001.png").is_file()


def test_what_cannot_be_drawn_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "0 images: it should be at least 1" in refused("samples", "draw", "--count", 0, "-o", "out")
    assert "--size 12: wanted HEIGHTxWIDTH" in refused("samples", "draw", "--size", 12, "-o", "out")
    assert "9 people" in refused("samples", "draw", "--people", 9, "-o", "out")
    assert not (tmp_path / "out").exists()
