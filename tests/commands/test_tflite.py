"""Commands on a TFLite file without a manifest, and files that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from posedeploy.types import Array
from tests.commands.conftest import Invoke, lines_wider_than, words
from tests.predict.conftest import write_image


@pytest.fixture(scope="module")
def made(own: Path, network: tuple[str, str], done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``human.tflite`` of the small network, in channels-last layout and without a manifest."""
    folder = tmp_path_factory.mktemp("phone")
    result = done("export", own / "human.pth", "--to", "tflite", "--layout", "nhwc", "-o", folder, *network)
    assert result.stderr.splitlines()[-1].endswith("human.tflite and human.tflite.posedeploy.json")
    assert "INFO" not in result.stderr and "[START]" not in result.stdout
    (folder / "human.tflite.posedeploy.json").rename(folder / "aside.json")
    return folder


def test_the_file_without_a_manifest_has_the_outputs_of_pytorch(
    made: Path, network: tuple[str, str], done: Invoke
) -> None:
    result = done("parity", made / "human.tflite", "--threads", 1, "--json", "p.json", *network)
    assert "within tolerance of PyTorch" in words(result.stdout)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert entry["runtime_info"]["runtime"] == "litert"
    assert entry["runtime_info"]["details"]["XNNPACK"].endswith(" operators")


def test_the_file_without_a_manifest_finds_people(
    made: Path, human: Path, photo: Array, done: Invoke
) -> None:
    write_image(Path("photo.png"), photo)
    done("predict", made / "human.tflite", "photo.png", "-o", "tflite")
    done("predict", human / "out" / "human.onnx", "photo.png", "-o", "onnx")
    found, wanted = (
        json.loads(Path(name, "poses.json").read_text())["annotations"] for name in ("tflite", "onnx")
    )
    assert len(found) == len(wanted) > 0
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one["keypoints"], other["keypoints"], atol=0.02)


def test_inspect_shows_the_layout_and_the_runtime(made: Path, done: Invoke) -> None:
    result = done("inspect", made / "human.tflite")
    shown = words(result.stdout)
    facts = (
        "manifest inside the file",
        "converter litert-torch",
        "layout nhwc",
        "runs on litert ",
        "XNNPACK ",
        "input data float32 1 x 3 x 256 x 456 NCHW",
    )
    assert [fact for fact in facts if fact not in shown] == []
    assert not lines_wider_than(80, result.stdout)


def test_bench_times_the_file(made: Path, network: tuple[str, str], done: Invoke) -> None:
    result = done("bench", made / "human.tflite", "--runs", 3, "--threads", 1, *network)
    assert "litert" in result.stdout


def _flip_middle_bit(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", "LiteRT cannot read it (mmap of size 0"),
        (
            lambda content: content[: len(content) // 2],
            "the manifest inside is damaged (its bytes were changed, truncated",
        ),
        (
            lambda content: np.random.RandomState(0).bytes(2000),
            "LiteRT cannot read it (The model is not a valid",
        ),
        (_flip_middle_bit, "the file was changed after"),
    ],
    ids=["empty", "short", "random", "bit"],
)
def test_a_damaged_file_without_its_manifest_is_refused(
    damage: Callable[[bytes], bytes], message: str, made: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "damaged.tflite"
    path.write_bytes(damage((made / "human.tflite").read_bytes()))
    assert message in refused("inspect", path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--layout", "nhwc"), "--layout nhwc: only for tflite; leave it out"),
        (("--activations", "int16"), "--activations int16: only for tflite; leave it out"),
        (
            ("--to", "tflite", "--activations", "int8", "--precision", "fp16"),
            "--activations int8: only valid with --precision int8; pass that, or leave --activations out",
        ),
        (
            ("--to", "tflite", "--activations", "int4", "--precision", "int8"),
            "--activations int4: expected int8 or int16 or dynamic",
        ),
        (
            ("--to", "tflite", "--activations", "dynamic", "--precision", "int8", "--calibration-images", 9),
            "--calibration-images 9: --activations dynamic measures the ranges in each run; leave one of the",
        ),
        (
            ("--to", "onnx", "--converter", "onnx2tf"),
            "--converter onnx2tf: only for tflite; leave it out",
        ),
        (("--device", "CPU"), "--device CPU: only for aoti; leave it out"),
        (("--to", "tflite", "--converter", "tf"), "--converter tf: expected litert-torch or onnx2tf"),
        (("--to", "tflite", "--layout", "hwc"), "--layout hwc: expected nchw or nhwc"),
    ],
)
def test_options_of_another_target_are_refused(
    arguments: tuple[object, ...], message: str, refused: Callable[..., str]
) -> None:
    assert message in refused("export", *arguments)
