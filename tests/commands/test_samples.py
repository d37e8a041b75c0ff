"""``posedeploy samples draw``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.commands.conftest import Invoke

AP_OF_LARGE, AP50_OF_LARGE = 0.50, 0.80
"""What 24 held-out images must show at least; the model card has the figures of 500."""


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
    assert "--size 12: expected HEIGHTxWIDTH" in refused("samples", "draw", "--size", 12, "-o", "out")
    assert "9 people" in refused("samples", "draw", "--people", 9, "-o", "out")
    assert not (tmp_path / "out").exists()


def test_the_sample_goes_by_its_name(done: Invoke, refused: Callable[..., str]) -> None:
    done("samples", "draw", "--count", 1, "--seed", 2, "--size", "256x456", "-o", "drawn")
    done("predict", "sample", "drawn/000000.png", "-o", "poses")
    assert json.loads(Path("poses/poses.json").read_text())["producer"]["artifact"] == "sample"
    assert "a checkpoint runs on pytorch" in refused("predict", "sample", "drawn", "--runtime", "openvino")


@pytest.mark.slow
def test_the_sample_finds_drawn_people_and_the_same_on_every_runtime(done: Invoke) -> None:
    done("samples", "draw", "--count", 24, "--seed", 2, "-o", "drawn")
    done("export", "--to", "onnx", "--to", "openvino", "--dynamic", "-o", "out")
    given = ("--annotations", "drawn/annotations.json", "--images", "drawn", "--json", "e.json")
    averages = []
    for model in ("sample", "out/sample.onnx", "out/sample.xml"):
        done("evaluate", model, *given)
        slices = json.loads(Path("e.json").read_text())["slices"]
        averages.append([value for part in slices for value in (part["ap"], part["ap50"], part["ar"])])
    np.testing.assert_allclose(averages[1:], [averages[0]] * 2, atol=0.002)
    assert averages[0][3] > AP_OF_LARGE
    assert averages[0][4] > AP50_OF_LARGE
