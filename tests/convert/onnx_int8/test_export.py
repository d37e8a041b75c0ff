"""INT8 and mixed precision in ONNX files: what ONNX Runtime runs, what is recorded, and how close it is."""

from __future__ import annotations

import resource
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from posedeploy import manifest
from posedeploy.api.exporting import export
from posedeploy.convert.export_options import ExportOptions, ExportPrecision, OnnxOptions
from posedeploy.errors import DeviceError, ExportError, MissingPackageError
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.onnxruntime import OnnxRuntimeRunner
from posedeploy.synthetic import generate_scene
from posedeploy.types import Artifact, Model, RunOptions, TensorSpec
from tests.support.networks import outputs_of, tiny_image

LAYERS = "convolutions: 5 fp32, 1 int8"
"""Of the tiny network: the four heads are outputs, and the first of six layers reads the image."""
PRECISIONS: tuple[ExportPrecision, ...] = ("int8", "mixed")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 8 small images of synthetic people."""
    folder = tmp_path_factory.mktemp("calibration")
    for index in range(8):
        cv2.imwrite(str(folder / f"{index}.png"), generate_scene(5, index, (80, 64)).image)
    return folder


@pytest.fixture(scope="module")
def quantized(tiny: Model, images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The tiny network in each quantized precision."""
    folder = tmp_path_factory.mktemp("quantized")
    return {
        precision: export(
            tiny, "onnx", folder, None, ExportOptions(precision=precision, calibration=(str(images),))
        )[0]
        for precision in PRECISIONS
    }


@pytest.mark.parametrize("precision", PRECISIONS)
def test_onnx_runtime_computes_the_chosen_layers_in_int8(
    precision: str, quantized: dict[str, Artifact], tiny: Model
) -> None:
    with open_runner(quantized[precision], RunOptions(threads=1)) as runner:
        assert runner.runtime_info.precision == "fp32+int8"
        assert runner.runtime_info.layers == LAYERS
        assert {spec.dtype for spec in (*runner.inputs, *runner.outputs)} == {"float32"}
        actual, expected = runner.run(tiny_image()), outputs_of(tiny, tiny_image())
    for name, array in expected.items():
        assert 1e-4 < np.abs(actual[name] - array).max() / np.abs(array).max() < 0.1


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_precision_and_the_calibration_set_are_recorded(
    precision: str, quantized: dict[str, Artifact], images: Path
) -> None:
    artifact = quantized[precision]
    assert artifact.path.name == f"sample-{precision}.onnx"
    recorded = manifest.read(artifact.path)
    assert (recorded.precision, recorded.inference_precision) == (precision, "fp32")
    assert recorded.calibration == artifact.calibration
    assert recorded.calibration is not None
    assert (recorded.calibration.source, recorded.calibration.count) == ("images", 8)
    assert recorded.details["opset"] == 18


@pytest.mark.parametrize("problem", ["full disk", "missing folder"])
def test_a_file_runs_if_its_layers_cannot_be_reported(
    problem: str,
    quantized: dict[str, Artifact],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    temporary = tmp_path if problem == "full disk" else tmp_path / "missing"
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        runner = open_runner(quantized["int8"], RunOptions(threads=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with runner:
        assert runner.runtime_info.precision == "fp32+int8"
        assert runner.runtime_info.layers == "precision unknown"
        assert runner.run(tiny_image())
    assert "the precision of the layers is unknown: ONNX Runtime cannot write its optimized" in caplog.text
    assert "set the environment variable TMPDIR to another folder" in caplog.text
    assert not list(tmp_path.iterdir())


def test_openvino_runs_the_same_file_in_int8(quantized: dict[str, Artifact], tiny: Model) -> None:
    with open_runner(quantized["int8"], RunOptions(threads=1), runtime="openvino") as runner:
        assert "int8" in runner.runtime_info.layers
        actual, expected = runner.run(tiny_image()), outputs_of(tiny, tiny_image())
    for name, array in expected.items():
        assert np.abs(actual[name] - array).max() / np.abs(array).max() < 0.1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            RunOptions(precision="bf16"),
            r"^`precision=bf16`: sample-int8\.onnx was exported in int8; use `pr",
        ),
        (
            RunOptions(device="cuda"),
            r"^`device=cuda`: sample-int8\.onnx was exported in int8, and ONNX Runtime computes in INT8 on "
            r"the CPU only; use `device=cpu`, or export it with `precision=fp16`$",
        ),
    ],
)
def test_another_precision_or_device_is_refused(
    options: RunOptions, reason: str, quantized: dict[str, Artifact]
) -> None:
    with pytest.raises(DeviceError, match=reason):
        OnnxRuntimeRunner(quantized["int8"], options)


def test_an_opset_without_scales_by_channel_is_refused(tiny: Model, images: Path, tmp_path: Path) -> None:
    options = ExportOptions(precision="int8", calibration=(str(images),), onnx=OnnxOptions(opset=12))
    with pytest.raises(
        ExportError, match=r"^`opset=12`: quantized files need opset 13 or newer; use one of these, or leave"
    ):
        export(tiny, "onnx", tmp_path, None, options)
    assert not list(tmp_path.iterdir())


def test_the_opset_of_the_options_is_written(tiny: Model, images: Path, tmp_path: Path) -> None:
    options = ExportOptions(precision="int8", calibration=(str(images),), onnx=OnnxOptions(opset=17))
    (artifact,) = export(tiny, "onnx", tmp_path, None, options)
    assert [entry.version for entry in onnx.load(artifact.path).opset_import if not entry.domain] == [17]


def test_a_missing_package_is_named_before_anything_is_written(
    tiny: Model, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for name in ("quantize", "ranges"):
        monkeypatch.delitem(sys.modules, f"posedeploy.convert.onnx_int8.{name}", raising=False)
    options = ExportOptions(precision="int8", calibration=(str(images),))
    with pytest.raises(MissingPackageError, match=r"^this needs the package onnxruntime, which is not inst"):
        export(tiny, "onnx", tmp_path, None, options)
    assert not list(tmp_path.iterdir())


class _OneLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.only = nn.Conv2d(3, 2, 1)

    def forward(self, data: Tensor) -> Tensor:
        return self.only(data)


class _WithNan(nn.Module):
    """A layer with a weight that is not a number, before the output layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 1)
        with torch.no_grad():
            self.middle.weight[0, 0] = float("nan")

    def forward(self, data: Tensor) -> Tensor:
        return self.last(self.middle(self.first(data).relu()).relu())


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (
            _OneLayer,
            r"^`precision=int8`: no layer of this network is left for INT8: first and output layers, ",
        ),
        (
            _WithNan,
            r"^the network cannot be quantized: values of its tensor \w+ are NaN or infinite on the "
            r"calibration inputs; check the weights of the checkpoint$",
        ),
    ],
)
def test_a_network_that_cannot_be_quantized_is_refused(
    network: type[nn.Module], reason: str, tmp_path: Path, images: Path, tiny: Model
) -> None:
    spec = replace(tiny.spec, outputs=(TensorSpec("maps", ("batch", 2, "height", "width")),), roles={})
    model = replace(tiny, module=network().eval(), spec=spec)
    options = ExportOptions(precision="int8", calibration=(str(images),))
    with pytest.raises(ExportError, match=reason):
        export(model, "onnx", tmp_path, None, options)
    assert not list(tmp_path.iterdir())
