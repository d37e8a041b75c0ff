"""``posedeploy synthetic``, and the built-in sample on its images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.commands.conftest import Invoke, words

MIN_AP_LARGE, MIN_AP50_LARGE = 0.50, 0.80
"""AP and AP50 of large people on 24 held-out images. The model card has the values for 500 images."""


def test_images_are_written_and_listed(done: Invoke, tmp_path: Path) -> None:
    result = done("synthetic", "--count", 2, "--seed", 7, "--size", "128x160", "--people", 2, "-o", "a b")
    assert result.stdout.split("\n")[:3] == [
        "2 images of seed 7",
        "  a b/annotations.json",
        "  a b/000000.png to 000001.png",
    ]
    assert (tmp_path / "a b" / "000001.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--count", 0), "--count 0: expected at least 1"),
        (("--size", 12), "--size 12: expected HEIGHTxWIDTH"),
        (("--people", 9), "--people 9: expected 0 to 8"),
        (("--seed", -1), "--seed -1: expected 0 to 4294967295"),
        (("--size", "5000x64"), "--size: the images would be 64 px wide and 5000 px high"),
    ],
)
def test_invalid_options_are_refused(
    arguments: tuple[object, ...], message: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    assert message in refused("synthetic", *arguments, "-o", "out")
    assert not (tmp_path / "out").exists()


def test_the_sample_is_selected_by_name(done: Invoke, refused: Callable[..., str]) -> None:
    done("synthetic", "--count", 1, "--seed", 2, "--size", "256x456", "-o", "images")
    done("predict", "sample", "images/000000.png", "-o", "poses")
    assert json.loads(Path("poses/poses.json").read_text())["producer"]["artifact"] == "sample"
    assert "a checkpoint runs on pytorch" in refused("predict", "sample", "images", "--runtime", "openvino")


def test_the_sample_is_a_checkpoint_of_every_command(done: Invoke, refused: Callable[..., str]) -> None:
    done("export", "sample", "--to", "onnx", "--input-size", "64x64", "-o", "out")
    compared = done("parity", "out/sample.onnx", "--checkpoint", "sample", "--threads", 1)
    assert "within tolerance of PyTorch" in words(compared.stdout)
    timed = done("bench", "out/sample.onnx", "--checkpoint", "sample", "--runs", 1, "--threads", 1)
    assert "sample (PyTorch)" in timed.stdout
    assert "file part of posedeploy" in words(done("inspect", "sample").stdout)
    assert refused("parity", "sample") == (
        "error: sample: a checkpoint; expected an artifact; export it first"
    )
    assert "no such file" in refused("parity", "out/sample.onnx", "--checkpoint", "samples")


@pytest.mark.slow
def test_the_sample_has_the_same_accuracy_on_every_runtime(done: Invoke) -> None:
    done("synthetic", "--count", 24, "--seed", 2, "-o", "images")
    done("export", "--to", "onnx", "--to", "openvino", "--dynamic", "-o", "out")
    dataset = ("--annotations", "images/annotations.json", "--images", "images", "--json", "e.json")
    averages = []
    for model in ("sample", "out/sample.onnx", "out/sample.xml"):
        done("evaluate", model, *dataset)
        slices = json.loads(Path("e.json").read_text())["slices"]
        averages.append([value for part in slices for value in (part["ap"], part["ap50"], part["ar"])])
    np.testing.assert_allclose(averages[1:], [averages[0]] * 2, atol=0.002)
    assert averages[0][3] > MIN_AP_LARGE
    assert averages[0][4] > MIN_AP50_LARGE
