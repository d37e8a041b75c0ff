"""What ``bench`` refuses before it times anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import onnx
import pytest

from posedeploy.types import Array
from tests.commands.conftest import fill
from tests.support.lifting import small_gtrs, write


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{model}", "--device", "TPU"), "TPU"),
        (("{model}", "--device", "cuda"), "cuda"),
        (("{openvino}", "--device", "GPU"), "--device GPU: unknown device; expected cpu, cuda, intel-gpu"),
        (("{model}", "--threads", 0), "--threads 0: expected a thread count of at least 1"),
        (("{model}", "--threads", 9999), "logical cores; use at most that"),
        (
            ("{model}", "--batch", 4),
            "--batch 4: the input data float32 1x3x256x456 NCHW has another, fixed batch",
        ),
        (
            ("{human}/human.pth", "--device", "NPU", "--network", "{network}"),
            "--device npu: pytorch runs on cpu or cuda",
        ),
        (
            ("{human}/human.pth", "--precision", "bf16", "--network", "{network}"),
            "--precision bf16: pytorch runs this network in fp32",
        ),
        (("{model}", "--runs", 0), "--runs 0: expected at least 1"),
        (("{model}", "--image", "none.png"), "none.png: no such file"),
        (("{model}", "--image", "{tmp_path}/file"), "file"),
        (
            ("{model}", "--image", "photo.png", "--batch", 1),
            "--batch and --image: pass one; the image",
        ),
        (("{model}", "--image", "photo.png", "--input-size", "64x64"), "--input-size and --image: pass one"),
        (("{model}", "--image", "photo.png", "--scenario", "offline"), "--image: the offline scenario times"),
        (("{model}", "--batch", 0), "--batch 0: expected at least 1"),
        (("{model}", "--precision", "bf16"), "bf16"),
        (
            ("{model}", "--runtime", "tensorrt"),
            "the runtime 'tensorrt' does not run .onnx files; onnx runs on",
        ),
        (("{openvino}", "--runtime", "onnxruntime"), "does not run .xml files; openvino runs on openvino"),
        (("{model}", "--input-size", "64x64"), "fixed size; leave it out"),
        (("{model}", "--family", "lightweight-openpose-2d"), "its manifest already describes it; remove"),
        (("none.onnx",), "none.onnx: no such file"),
        (("none.mlmodel",), "none.mlmodel: no such file; pass a checkpoint file"),
        (("{tmp_path}",), "a folder without a checkpoint; pass a checkpoint or a model file"),
        (
            ("{model}", "--checkpoint", "{human}/human.pth"),
            "repeat that argument, because it executes the file",
        ),
        (
            ("{model}", "--checkpoint", "none.pth", "--network", "{network}"),
            "--checkpoint none.pth: no such file",
        ),
        (("{model}", "--runs", 1, "--json", "."), "error: .: a folder; pass a file for the JSON"),
        (("{model}", "--runs", 1, "--json", "file/x.json"), "error: file: cannot write here"),
    ],
)
def test_bad_input_is_refused(
    arguments: tuple[object, ...],
    message: str,
    human: Path,
    network: tuple[str, str],
    photo: Array,
    refused: Callable[..., str],
    tmp_path: Path,
) -> None:
    cv2.imwrite("photo.png", photo)
    model, openvino = human / "out" / "human.onnx", human / "out" / "human.xml"
    (tmp_path / "file").write_text("")
    arguments = fill(
        arguments, model=model, openvino=openvino, human=human, tmp_path=tmp_path, network=network[1]
    )
    assert message in refused("bench", *arguments), arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--runs", 0), "--runs 0: expected at least 1"),
        (("--batch", 0), "--batch 0: expected at least 1"),
        (("--loads", 2, "--runs", 1), "--loads 2: the 1 timed runs are divided among the loads"),
        (("--threads", 0), "--threads 0: expected a thread count of at least 1"),
        (("--device", "gpu0"), "--device gpu0: unknown device"),
        (("--runtime", "onnx"), "--runtime onnx: unknown runtime; expected pytorch"),
        (("--checkpoint", "none.pth"), "--checkpoint none.pth: no such file or folder"),
        (("--input-size", "64"), "--input-size 64: expected HEIGHTxWIDTH"),
        (("--stages", "two"), "--stages two: expected a number of refinement stages"),
        (("--family", "gtrs", "--contract", "a.toml"), "--contract and --family exclude each other"),
    ],
)
def test_arguments_are_checked_before_the_sample_is_exported(
    refused: Callable[..., str], arguments: tuple[Any, ...], message: str
) -> None:
    assert message in refused("bench", *arguments)
    assert not Path("artifacts").exists()


@pytest.mark.parametrize(("kind", "shape"), [("BOOL", [1, 3]), ("STRING", [2]), ("FLOAT", [1, 0])])
def test_inputs_that_cannot_be_filled_with_noise_are_refused(
    refused: Callable[..., str], kind: str, shape: list[int]
) -> None:
    element = getattr(onnx.TensorProto, kind)
    value = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [value("x", element, shape)], [value("y", element, shape)])
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9),
        "x.onnx",
    )
    assert "cannot be filled with noise" in refused("bench", "x.onnx", "--runs", 1)


def test_an_image_for_a_network_on_joints_is_refused(photo: Array, refused: Callable[..., str]) -> None:
    cv2.imwrite("photo.png", photo)
    write(small_gtrs(), Path("gtrs.pth"))
    assert "takes 2D joints, not images" in refused("bench", "gtrs.pth", "--image", "photo.png", "--runs", 1)
