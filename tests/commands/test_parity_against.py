"""``posedeploy parity --against``: two third-party files of one network, without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from posedeploy.types import Array
from tests.commands.conftest import Invoke, words
from tests.predict.conftest import PEOPLE, write_image
from tests.support import third_party
from tests.support.third_party import TensorKind

FLOAT, INT8 = TensorKind("float32", "NCHW"), TensorKind("int8", "NHWC")
INT8_FILE = ("int8.onnx", "--contract", "int8.toml")
FLOAT_FILE = ("--against", "float.onnx", "--against-contract", "float.toml")


@pytest.fixture(autouse=True)
def files(elsewhere: None, tmp_path: Path, photo: Array) -> None:
    """A float file, channels first, and an INT8 file of the same network, channels last, with contracts."""
    for name, kind in (("float", FLOAT), ("int8", INT8)):
        third_party.write_onnx(tmp_path / f"{name}.onnx", kind, kind)
        (tmp_path / f"{name}.toml").write_text(third_party.contract(kind, kind))
    write_image(tmp_path / "photo.png", photo)


def change(name: str, other: str, edit: Callable[[onnx.ModelProto], None]) -> None:
    """Write a model with an edit under another name."""
    model = onnx.load(name)
    edit(model)
    onnx.save(model, other)


def rename_outputs(model: onnx.ModelProto) -> None:
    names = {"heatmaps": "first", "pafs": "second"}
    for node in model.graph.node:
        node.output[:] = [names.get(output, output) for output in node.output]
    for output in model.graph.output:
        output.name = names[output.name]


def mirror_maps(model: onnx.ModelProto) -> None:
    for constant in model.graph.initializer:
        array = numpy_helper.to_array(constant)
        if array.ndim == 4 and array.shape[1] in (19, 38):
            constant.CopyFrom(numpy_helper.from_array(array[..., ::-1].copy(), constant.name))


@pytest.mark.slow
def test_an_int8_file_is_compared_with_its_float_original(done: Invoke) -> None:
    options = ("--budget", "2px", "--images", "photo.png", "--json", "p.json")
    result = done("parity", *INT8_FILE, *FLOAT_FILE, *options)
    assert "int8.onnx: within budget, compared with float.onnx" in words(result.stdout)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert entry["poses"]["people"] == PEOPLE * len(entry["poses"]["images"]) > 0
    assert entry["against"]["outputs"] == {"heatmaps": "heatmaps", "pafs": "pafs"}
    assert entry["against"]["path"] == "float.onnx" and len(entry["against"]["model_sha256"]) == 1
    assert entry["reference"] is None


def test_a_file_without_a_description_is_described_like_the_other(done: Invoke) -> None:
    change("float.onnx", "renamed.onnx", rename_outputs)
    result = done("parity", "renamed.onnx", *FLOAT_FILE, columns=120)
    assert "renamed.onnx: no manifest and no contract; the description of float.onnx is used" in result.stderr
    assert "renamed.onnx: within tolerance of float.onnx" in words(result.stdout)
    assert "people matched" in result.stdout


def test_outputs_are_compared_without_any_description(done: Invoke) -> None:
    change("float.onnx", "renamed.onnx", rename_outputs)
    shown = words(done("parity", "renamed.onnx", "--against", "float.onnx").stdout)
    assert "keypoints: not compared" in shown and "renamed.onnx: within tolerance of float.onnx" in shown


@pytest.mark.slow
def test_a_difference_is_outside_the_tolerance_and_says_what_is_not_measured(invoke: Invoke) -> None:
    change("float.onnx", "mirrored.onnx", mirror_maps)
    result = invoke("parity", "mirrored.onnx", "--contract", "float.toml", "--against", "float.onnx")
    shown = words(result.stdout)
    assert result.exit_code == 1, result.output
    assert "mirrored.onnx: outside tolerance of float.onnx" in shown
    assert "noise floor: not measured, because it needs PyTorch and the reference is float.onnx" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--checkpoint", "x.pth"), "--against and --checkpoint exclude each other: with --against, PyTorch"),
        (
            ("--reference", "r.safetensors"),
            "--against and --reference exclude each other: with --against, PyTorch",
        ),
        (("--noise-floor",), "--against and --noise-floor exclude each other: with --against, PyTorch"),
        (("--save-reference", "r.safetensors"), "--against and --save-reference exclude each other"),
        (
            ("--certificate", "c.json"),
            "--certificate and --against exclude each other: a certificate records",
        ),
    ],
)
def test_options_that_need_pytorch_are_refused(
    refused: Callable[..., str], arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused("parity", *INT8_FILE, *FLOAT_FILE, *arguments)


@pytest.mark.parametrize(
    ("against", "message"),
    [
        (("--against", "none.onnx"), "none.onnx: no such file"),
        (("--against", "sample"), "sample: a checkpoint; expected an artifact"),
        (("--against-contract", "float.toml"), "--against-contract float.toml: only valid with --against"),
        (("--against", "float.onnx"), "the input in the contract is images int8"),
    ],
)
def test_a_wrong_reference_is_refused(
    refused: Callable[..., str], against: tuple[str, ...], message: str
) -> None:
    assert message in refused("parity", *INT8_FILE, *against)
