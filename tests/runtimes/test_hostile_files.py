"""Model files with names, shapes and other files that no exporter writes are one-line errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from posedeploy.errors import ArtifactError
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import Artifact, ModelSpec, RunOptions, TensorSpec

ON_ONE_THREAD = RunOptions(threads=1)
PLACE = "TAKEPLACE"
BAD = b"\xff\xfe\x1b[31m\n\xc3"[: len(PLACE)].ljust(len(PLACE), b"x")


def _write(path: Path, name: str = "data", operator: str = "Relu", shape: object = (1, 3, 8, 8)) -> Path:
    """Write an ONNX file of one operator; ``PLACE`` in it becomes bytes that are not UTF-8."""
    value = helper.make_tensor_value_info
    entry, leaving = value(name, TensorProto.FLOAT, shape), value("out", TensorProto.FLOAT, shape)
    graph = helper.make_graph([helper.make_node(operator, [name], ["out"])], "graph", [entry], [leaving])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path.write_bytes(model.SerializeToString().replace(PLACE.encode(), BAD))
    return path


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("part", [{"name": PLACE}, {"operator": PLACE}])
def test_names_and_messages_that_are_not_utf8(tmp_path: Path, runtime: str, part: dict[str, str]) -> None:
    artifact = open_artifact(_write(tmp_path / "a.onnx", **part))
    with pytest.raises(
        ArtifactError,
        match=r"a\.onnx: the file is damaged: a name in it, or .* bytes b'\\xff', which are not U",
    ):
        open_runner(artifact, ON_ONE_THREAD, runtime)


def test_control_characters_in_a_message_are_escaped(tmp_path: Path) -> None:
    artifact = open_artifact(_write(tmp_path / "a.onnx", operator="Relu\x1b[31m\u202e"))
    with pytest.raises(
        ArtifactError, match=r"a\.onnx: ONNX Runtime cannot load it .*Relu\\x1b\[31m"
    ) as error:
        open_runner(artifact, ON_ONE_THREAD)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("length", [-5, 0, 2**63 - 1, -(2**63)])
def test_impossible_lengths_are_shown_or_an_error(tmp_path: Path, runtime: str, length: int) -> None:
    artifact = open_artifact(_write(tmp_path / "a.onnx", shape=(1, 3, length, 8)))
    try:
        with open_runner(artifact, ON_ONE_THREAD, runtime) as runner:
            assert len(runner.inputs[0].shape) == 4
    except ArtifactError as error:
        assert str(error).startswith(f"{artifact.path}: ")


def _write_misfit_onnx(path: Path) -> Artifact:
    """Write a file whose input accepts any number of values, and whose operator needs 7."""
    value, seven = helper.make_tensor_value_info, helper.make_tensor("seven", TensorProto.FLOAT, [7], [1] * 7)
    graph = helper.make_graph(
        [helper.make_node("Add", ["data", "seven"], ["out"])],
        "graph",
        [value("data", TensorProto.FLOAT, ["n"])],
        [value("out", TensorProto.FLOAT, [7])],
        [seven],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return open_artifact(path)


class Misfit(nn.Module):
    """The same network in PyTorch."""

    def forward(self, data: Tensor) -> Tensor:
        return data + torch.ones(7)


def _write_misfit_torchscript(path: Path) -> Artifact:
    torch.jit.script(Misfit()).save(str(path))  # type: ignore[no-untyped-call]
    spec = ModelSpec("third-party", "", (TensorSpec("data", ("n",)),), (TensorSpec("out", (7,)),))
    return replace(open_artifact(path), spec=spec)


@pytest.mark.parametrize(
    ("runtime", "name", "write"),
    [
        ("onnxruntime", "ONNX Runtime", _write_misfit_onnx),
        ("openvino", "OpenVINO", _write_misfit_onnx),
        ("torchscript", "torch", _write_misfit_torchscript),
    ],
)
@pytest.mark.parametrize("threads", sorted({1, min(2, os.cpu_count() or 1)}))
def test_incompatible_operators_are_an_error_of_the_file(
    tmp_path: Path, runtime: str, name: str, write: Callable[[Path], Artifact], threads: int
) -> None:
    suffix = ".torchscript" if runtime == "torchscript" else ".onnx"
    message = rf"a\{suffix}: {name} cannot run it on these inputs \(.*\w.*\)$"
    with open_runner(write(tmp_path / f"a{suffix}"), RunOptions(threads=threads), runtime) as runner:
        (entry,) = runner.inputs
        misfit, fit = ({entry.name: np.ones(length, np.float32)} for length in (5, 7))
        for attempt in (runner.run, lambda one: list(runner.stream([one] * 9))):
            with pytest.raises(ArtifactError, match=message):
                attempt(misfit)
            assert len(list(runner.stream([fit] * 9))) == 9, "it can be used again"
        stream = runner.stream([fit, *[misfit] * 9])
        next(stream)
        stream.close()


@pytest.mark.parametrize(
    ("what", "message"),
    [("pipe", "a named pipe"), ("device", "a character device"), ("folder", "a folder")],
)
def test_irregular_weights_files_are_an_error(
    tmp_path: Path, exported: dict[str, Artifact], what: str, message: str
) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(exported["openvino"].path.read_bytes())
    weights = path.with_suffix(".bin")
    if what == "pipe":
        os.mkfifo(tmp_path / "pipe")
        weights.symlink_to("pipe")
    elif what == "device":
        weights.symlink_to("/dev/zero")
    else:
        weights.mkdir()
    with pytest.raises(
        ArtifactError, match=rf"a\.bin: {message}, which posedeploy does not read; pass a file of "
    ):
        open_runner(open_artifact(path), ON_ONE_THREAD)


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".tflite", ".torchscript", ".pt2", ".engine"])
@pytest.mark.parametrize("target", ["pipe", "/dev/zero", "folder", "loop"])
def test_irregular_model_files_are_an_error(tmp_path: Path, suffix: str, target: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    path = tmp_path / f"a{suffix}"
    path.symlink_to(path if target == "loop" else target)
    with pytest.raises(ArtifactError, match=rf"a\{suffix}: "):
        open_artifact(path)


def test_a_signature_with_unknown_tensors_is_an_error(data: Path) -> None:
    artifact = open_artifact(data / "hostile" / "signature.tflite")
    with pytest.raises(ArtifactError, match=r"LiteRT cannot read its tensors and signature \(KeyError: "):
        open_runner(artifact, ON_ONE_THREAD)


def test_a_program_with_damaged_members_is_refused_before_torch_reads_it(data: Path) -> None:
    artifact = open_artifact(data / "hostile" / "damaged_code.torchscript")
    message = r"damaged_code\.torchscript: not a TorchScript file, or damaged \(.+\); export it again"
    with pytest.raises(ArtifactError, match=message):
        open_runner(artifact, ON_ONE_THREAD)
