"""TFLite files in reduced precisions: their layers, their accuracy and their manifests."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from posedeploy import manifest
from posedeploy.api.exporting import export
from posedeploy.convert.export_options import Activations, ExportOptions, ExportPrecision, TfliteOptions
from posedeploy.errors import ExportError, MissingPackageError
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Artifact, InputContract, Model, ModelSpec, RunOptions, TensorSpec
from tests.support.networks import outputs_of, tiny_image

IMAGES = 30
VARIANTS: dict[str, tuple[ExportPrecision, Activations, str]] = {
    "sample-fp16": ("fp16", "int8", "convolutions: 6 fp32"),
    "sample-int8": ("int8", "int8", "convolutions: 4 fp32, 2 int8"),
    "sample-int8-int16": ("int8", "int16", "convolutions: 4 fp32, 2 int8 (16-bit activations)"),
    "sample-int8-dynamic": ("int8", "dynamic", "convolutions: 4 fp32, 2 int8 (dynamic)"),
    "sample-mixed": ("mixed", "int8", "convolutions: 5 fp32, 1 int8"),
}
"""The name of each file, with its options and its layers. The four heads are outputs, and the first of six
layers is an early one."""
TOLERANCES = {"sample-fp16": 3e-3, "sample-int8-dynamic": 0.03, "sample-mixed": 0.03}


def options_of(
    precision: ExportPrecision, activations: Activations = "int8", **others: object
) -> ExportOptions:
    tflite = TfliteOptions(activations=activations)
    options = ExportOptions(precision=precision, tflite=tflite, calibration_images=IMAGES)
    return replace(options, **others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def reduced(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The tiny network in each reduced precision, by the name of the file."""
    folder = tmp_path_factory.mktemp("reduced")
    artifacts = [
        export(tiny, "tflite", folder, None, options_of(precision, activations))[0]
        for precision, activations, _ in VARIANTS.values()
    ]
    return {artifact.path.stem: artifact for artifact in artifacts}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_reduced_file_is_close_to_pytorch_and_reports_its_layers(
    name: str, reduced: dict[str, Artifact], tiny: Model
) -> None:
    with open_runner(reduced[name], RunOptions(threads=1)) as runner:
        assert runner.runtime_info.details["layers"] == VARIANTS[name][2]
        assert {spec.dtype for spec in (*runner.inputs, *runner.outputs)} == {"float32"}
        found, wanted = runner.run(tiny_image()), outputs_of(tiny, tiny_image())
    for output, array in wanted.items():
        error = np.abs(found[output] - array).max() / np.abs(array).max()
        assert 1e-6 < error < TOLERANCES.get(name, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_the_precision_and_the_calibration_set_of_a_tflite_file_are_recorded(
    name: str, reduced: dict[str, Artifact]
) -> None:
    precision, activations, _ = VARIANTS[name]
    recorded = manifest.read(reduced[name].path)
    assert recorded.precision == precision
    assert recorded.provenance is not None and recorded.provenance.packages["ai_edge_quantizer"]
    is_calibrated = precision in ("int8", "mixed") and activations != "dynamic"
    assert (recorded.calibration is not None) == is_calibrated
    assert recorded.details.get("activations") == (activations if precision == "int8" else None)
    assert ("activations" in recorded.provenance.options) == (precision == "int8")


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_reduced_file_runs_in_a_plain_interpreter(name: str, reduced: dict[str, Artifact]) -> None:
    runner = Interpreter(model_path=str(reduced[name].path)).get_signature_runner()
    outputs = runner(data=tiny_image()["data"])
    assert set(outputs) == {output.name for output in reduced[name].spec.outputs}
    assert all(array.dtype == np.float32 for array in outputs.values())


@pytest.mark.slow
def test_the_same_images_give_the_same_file(
    tiny: Model, reduced: dict[str, Artifact], tmp_path: Path
) -> None:
    (again,) = export(tiny, "tflite", tmp_path, None, options_of("int8"))
    assert again.calibration == reduced["sample-int8"].calibration
    with (
        open_runner(again, RunOptions(threads=1)) as first,
        open_runner(reduced["sample-int8"], RunOptions(threads=1)) as second,
    ):
        np.testing.assert_array_equal(*(each.run(tiny_image())["pafs"] for each in (first, second)))


@pytest.mark.slow
def test_a_dynamic_quantized_file_runs_at_another_size(tiny: Model, tmp_path: Path) -> None:
    tflite = TfliteOptions(layout="nhwc")
    (artifact,) = export(tiny, "tflite", tmp_path, None, options_of("int8", dynamic=True, tflite=tflite))
    with open_runner(artifact, RunOptions(threads=1)) as runner:
        assert runner.run({"data": np.zeros((2, 3, 16, 24), np.float32)})["pafs"].shape == (2, 4, 2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (options_of("bf16"), r"^`precision=bf16`: `to=tflite` supports fp32 or fp16 or int8 or mixed; "),
        (
            options_of("mixed", "int16"),
            r"^`activations=int16`: only valid with `precision=int8`; pass that, or leave `activations` out$",
        ),
        (options_of("fp32", "dynamic"), r"^`activations=dynamic`: only valid with `precision=int8`; "),
        (
            options_of("int8", "dynamic", calibration=("photos",)),
            r"^`calibration=photos`: `activations=dynamic` measures the ranges in each run; leave one of the "
            r"two out$",
        ),
    ],
)
def test_a_wrong_combination_of_options_is_refused(
    options: ExportOptions, message: str, tiny: Model, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=message):
        export(tiny, "tflite", tmp_path, None, options)
    assert not list(tmp_path.iterdir())


def test_a_missing_quantizer_is_named_before_anything_is_written(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer", None)
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer.algorithm_manager", None)
    for name in ("quantize", "precision"):
        monkeypatch.delitem(sys.modules, f"posedeploy.convert.tflite.{name}", raising=False)
    with pytest.raises(
        MissingPackageError,
        match=r"^this needs the package ai_edge_quantizer, .*: pip install 'posedeploy\[tflite\]'$",
    ):
        export(tiny, "tflite", tmp_path, None, options_of("int8"))
    assert not list(tmp_path.iterdir())


class OneLayer(nn.Module):
    """A network whose only layer is its output."""

    def __init__(self) -> None:
        super().__init__()
        self.only = nn.Conv2d(3, 2, 1)

    def forward(self, data: Tensor) -> Tensor:
        return self.only(data)


class Infinite(nn.Module):
    """A network that computes infinity between its layers, for images but not for small random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)
        nn.init.constant_(self.first.weight, 1e37)

    def forward(self, data: Tensor) -> Tensor:
        return self.last(torch.relu(self.first(data)).clamp(max=1.0))


def model_with(module: nn.Module, tiny: Model, contract: InputContract | None = None) -> Model:
    spec = replace(tiny.spec, outputs=(TensorSpec("maps", ("batch", 2, "height", "width")),), roles={})
    spec = replace(spec, contract=contract) if contract is not None else spec
    return replace(tiny, module=module.eval().requires_grad_(False), spec=spec)


@pytest.mark.slow
@pytest.mark.parametrize("activations", ["int8", "dynamic"])
def test_a_tflite_network_without_a_layer_for_int8_is_refused(
    activations: Activations, tiny: Model, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=r"^`precision=int8`: no layer of this network is left for INT8: "):
        export(model_with(OneLayer(), tiny), "tflite", tmp_path, None, options_of("int8", activations))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_infinity_on_a_calibration_input_is_refused(tiny: Model, tmp_path: Path) -> None:
    contract = tiny.spec.contract
    assert contract is not None
    bright = replace(contract, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    with pytest.raises(
        ExportError, match=r"^the network computes NaN or infinity on a calibration input, in "
    ):
        export(model_with(Infinite(), tiny, bright), "tflite", tmp_path, None, options_of("int8"))
    assert not list(tmp_path.iterdir())


def test_a_network_without_image_preprocessing_cannot_be_calibrated(tmp_path: Path) -> None:
    spec = ModelSpec("x", "", (TensorSpec("data", (1, 3)),), (TensorSpec("out", (1, 4)),))
    layers = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 4)).eval().requires_grad_(False)
    model = Model(layers, spec, None, "")
    with pytest.raises(Exception, match=r"^this network cannot be calibrated: it has no image contract "):
        export(model, "tflite", tmp_path, None, options_of("int8"))
    assert not list(tmp_path.iterdir())
