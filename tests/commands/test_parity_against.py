"""``posedeploy parity --against``: two third-party files of one network, without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

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


def test_mixed_up_items_of_a_batch_are_named_without_any_description(invoke: Invoke) -> None:
    """The batch is dynamic, and the second file reverses it."""
    shape = ("n", 3)
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("points", "out")]
    for name, numbers in (("straight", (0, 2**31, 0, 1)), ("reversed", (-1, -(2**31), 0, -1))):
        inputs = [numpy_helper.from_array(np.array([number]), f"c{at}") for at, number in enumerate(numbers)]
        node = helper.make_node("Slice", ["points", *(each.name for each in inputs)], ["out"])
        graph = helper.make_graph([node], name, tensors[:1], tensors[1:], inputs)
        opset = helper.make_opsetid("", 17)
        onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), f"{name}.onnx")
    result = invoke("parity", "reversed.onnx", "--against", "straight.onnx", "--threads", 1)
    assert result.exit_code == 1
    cause = "as if the images of a batch were in another order: that explains 100.0% of the difference"
    assert f"{cause} on random 3x3" in words(result.stderr)


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
