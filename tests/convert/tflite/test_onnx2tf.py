"""TFLite with onnx2tf: errors and logs of its child process, and real conversions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posedeploy import manifest
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.convert.export import export
from posedeploy.convert.export_options import EnvironmentOptions, ExportOptions, IoLayout, TfliteOptions
from posedeploy.convert.prepare import prepare
from posedeploy.environments.environment_specs import ENVIRONMENTS, EnvironmentSpec
from posedeploy.errors import ExportError, IsolatedEnvironmentError
from posedeploy.flatten import flat
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions, Tensors, TensorSpec
from tests.environments import tiny_environment
from tests.environments.conftest import base_environment, home, onnx2tf, onnx2tf_home
from tests.support.networks import two_input_model
from tests.support.reference_cases import BUNDLED, Case

__all__ = ["base_environment", "home", "onnx2tf", "onnx2tf_home"]

BY_ONNX2TF = ExportOptions(tflite=TfliteOptions(converter="onnx2tf"))
WRONG = """
import shutil, time

def run(request):
    return globals()[WHAT](request)

def fail(request):
    print("Model loaded")
    raise KeyError("the operator Fancy")

def sleep(request):
    print("Model loaded")
    time.sleep(600)

def rubbish(request):
    return "done"

def other(request):
    shutil.copy(OTHER, request["tflite"])
    return SAID
"""


class Scaled(nn.Module):
    """A network with scaled outputs."""

    def __init__(self, network: nn.Module, factor: float) -> None:
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(output * self.factor for output in flat(self.network(*inputs)))


@pytest.fixture
def wrong(
    home: Path, base_environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> EnvironmentSpec:
    """Create an environment called onnx2tf whose script fails in the way that ``WHAT`` names."""
    spec = tiny_environment.tiny(tmp_path, "onnx2tf", WRONG)
    tiny_environment.place(base_environment, spec)
    monkeypatch.setitem(ENVIRONMENTS, "onnx2tf", spec)
    return spec


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("fail", "onnx2tf failed: KeyError: 'the operator Fancy'"),
        pytest.param(
            "sleep", "onnx2tf did not finish within 10 s; increase `time_limit`", marks=pytest.mark.slow
        ),
        ("rubbish", "onnx2tf exited with status 0 but returned '\"done\"', expected a JSON object"),
    ],
)
def test_a_failure_in_the_child_is_reported_and_its_log_kept(
    wrong: EnvironmentSpec, tiny: Model, tmp_path: Path, what: str, message: str
) -> None:
    wrong.script.write_text(f"WHAT = {what!r}\n{WRONG}")
    log = tmp_path / "out" / "human.onnx2tf.log"
    options = replace(BY_ONNX2TF, environment=EnvironmentOptions(10 if what == "sleep" else 300))
    with pytest.raises(ExportError) as refusal:
        export(tiny, ["tflite"], tmp_path / "out", "human", options)
    assert str(refusal.value) == f"{message}; the log is {log}"
    assert log.read_text().splitlines()[:1] == ([] if what == "rubbish" else ["Model loaded"])
    assert list((tmp_path / "out").iterdir()) == [log], "nothing half-written"


@pytest.mark.parametrize(("scale", "distance"), [(1.5, "5.0e-01"), (float("nan"), "nan")])
def test_a_file_with_other_outputs_is_an_error(
    wrong: EnvironmentSpec, tiny: Model, tmp_path: Path, scale: float, distance: str
) -> None:
    litert_torch = pytest.importorskip("posedeploy.convert.tflite.litert_torch", reason="makes the file")
    other = replace(tiny, module=Scaled(tiny.module, scale))
    signature = litert_torch.convert(prepare(other, ExportOptions()), tmp_path / "other.tflite")
    answer = {"inputs": signature.inputs, "outputs": signature.outputs, "versions": {}}
    variables = {"OTHER": str(tmp_path / "other.tflite"), "SAID": answer, "WHAT": "other"}
    wrong.script.write_text("".join(f"{name} = {value!r}\n" for name, value in variables.items()) + WRONG)
    message = (
        rf"in \w+ by {distance} of its largest value .* so onnx2tf converted an "
        "operator wrongly; use `converter=lit"
    )
    with pytest.raises(ExportError, match=message):
        export(tiny, ["tflite"], tmp_path / "out", "human", BY_ONNX2TF)
    assert not (tmp_path / "out").exists()


def test_a_missing_environment_is_reported_with_its_add_command(
    home: Path, tiny: Model, tmp_path: Path
) -> None:
    with pytest.raises(
        IsolatedEnvironmentError, match=r"is not installed .*; add it with: posedeploy env add o"
    ):
        export(tiny, ["tflite"], tmp_path / "out", "human", BY_ONNX2TF)
    assert not (tmp_path / "out").exists()
    assert not home.exists(), "nothing installs itself"


def test_dynamic_axes_are_refused(home: Path, tiny: Model, tmp_path: Path) -> None:
    with pytest.raises(
        ExportError,
        match="`dynamic`: onnx2tf fixes every axis; leave the option out, or use `converter=lit",
    ):
        export(tiny, ["tflite"], tmp_path / "out", "human", replace(BY_ONNX2TF, dynamic=True))


def _check(artifact: Artifact, model: Model, inputs: Tensors) -> None:
    with torch.inference_mode():
        outputs = flat(model.module(*map(torch.from_numpy, inputs.values())))
    with open_runner(artifact, RunOptions()) as runner:
        found = runner.run(inputs)
    assert list(found) == [spec.name for spec in model.spec.outputs]
    for name, wanted in zip(found, outputs, strict=True):
        assert found[name].shape == tuple(wanted.shape)
        assert np.abs(found[name] - wanted.numpy()).max() < 1e-5 * float(wanted.abs().max()), name


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_network_of_images_and_maps(
    onnx2tf: EnvironmentSpec, tiny: Model, tmp_path: Path, layout: IoLayout
) -> None:
    options = replace(BY_ONNX2TF, batch=2, tflite=TfliteOptions("onnx2tf", layout))
    (artifact,) = export(tiny, ["tflite"], tmp_path / "día 2", "tiny", options)
    names = sorted(path.name for path in (tmp_path / "día 2").iterdir())
    assert names == ["tiny.tflite", "tiny.tflite.posedeploy.json"], "no log, nothing of the work"
    assert manifest.read(artifact.path) == artifact
    assert artifact.details["environment"] == "onnx2tf 1.29.24, tensorflow-cpu 2.19.0"
    assert artifact.provenance is not None
    assert {"onnx", "onnxscript"} < artifact.provenance.packages.keys() and "packages" not in artifact.details
    assert "litert_torch" not in artifact.provenance.packages
    assert len(artifact.details["channels_last"]) == (5 if layout == "nhwc" else 0)
    _check(artifact, tiny, {"data": np.random.RandomState(0).randn(2, 3, 32, 40).astype(np.float32)})


class EqualShapes(nn.Module):
    """Two inputs and two outputs of one shape with equal axes, and a GELU, whose Erf TFLite does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return nn.functional.gelu(self.first(a)) - 2 * b, self.second(b) + a


@pytest.mark.slow
def test_outputs_of_equal_shapes_are_identified_by_values(onnx2tf: EnvironmentSpec, tmp_path: Path) -> None:
    torch.manual_seed(3)
    tensors = [TensorSpec(name, (4, 4, 4, 4), layout="NCHW") for name in ("z", "a", "y", "b")]
    spec = ModelSpec("alike", "", tuple(tensors[:2]), tuple(tensors[2:]))
    model = Model(EqualShapes().eval().requires_grad_(False), spec, None, "0" * 64)
    chance = np.random.RandomState(1)
    inputs = {name: chance.randn(4, 4, 4, 4).astype(np.float32) for name in ("z", "a")}
    for layout in get_args(IoLayout):
        options = ExportOptions(tflite=TfliteOptions("onnx2tf", layout))
        (artifact,) = export(model, ["tflite"], tmp_path, layout, options)
        _check(artifact, model, inputs)


class Enlarged(nn.Module):
    """Maps enlarged with aligned corners, and an output computed from weights alone."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(3, 4, 3, 2, padding=1)
        self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.register_buffer("mean", torch.randn(1, 4000, 3))
        self.weights = nn.Linear(3000, 1)

    mean: Tensor

    def forward(self, image: Tensor) -> Tensor:
        offset = self.weights(self.mean.transpose(1, 2).reshape(1, 4, 3000))
        result: Tensor = self.enlarge(self.filters(image)) + offset[..., None]
        return result


@pytest.mark.slow
def test_maps_enlarged_corner_to_corner_and_operators_on_constants(
    onnx2tf: EnvironmentSpec, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    image = TensorSpec("image", (1, 3, 10, 14), layout="NCHW")
    spec = ModelSpec("enlarged", "", (image,), (TensorSpec("maps", (1, 4, 10, 14), layout="NCHW"),))
    model = Model(Enlarged().eval().requires_grad_(False), spec, None, "0" * 64)
    (artifact,) = export(model, ["tflite"], tmp_path, "enlarged", BY_ONNX2TF)
    _check(artifact, model, {"image": np.random.RandomState(1).randn(1, 3, 10, 14).astype(np.float32)})


@pytest.mark.slow
def test_joints_and_a_scale(onnx2tf: EnvironmentSpec, tmp_path: Path) -> None:
    model = two_input_model()
    (artifact,) = export(model, ["tflite"], tmp_path, "lifter", BY_ONNX2TF)
    joints = np.random.RandomState(1).rand(1, 5, 2).astype(np.float32)
    _check(artifact, model, {"joints": joints, "scale": np.array([3.0], np.float32)})


@pytest.mark.slow
def test_a_published_network(onnx2tf: EnvironmentSpec, tmp_path: Path) -> None:
    published = Case(BUNDLED / "lightweight-openpose-2d")
    run = published.description["runs"][0]
    model = open_checkpoint(published.write(tmp_path / "a.pth"))
    options = replace(BY_ONNX2TF, input_size=tuple(run["shape"][2:]))
    (artifact,) = export(model, ["tflite"], tmp_path, "a", options)
    with open_runner(artifact, RunOptions()) as runner:
        for output, array in runner.run({"data": published.input(run)}).items():
            assert published.distance(run, output, array) < 1e-5, output


def test_an_operator_that_onnx2tf_lacks_is_named_with_its_module(
    wrong: EnvironmentSpec, tiny: Model, tmp_path: Path
) -> None:
    lacking = "No module named 'onnx2tf.ops.Elu'"
    wrong.script.write_text(f"def run(request):\n    raise ModuleNotFoundError({lacking!r})\n")
    with pytest.raises(
        ExportError, match=r"^onnx2tf does not have the operator Elu \(\w+, in body\.1 \(ELU\)\)"
    ):
        export(tiny, ["tflite"], tmp_path / "out", "human", BY_ONNX2TF)


@pytest.mark.slow
def test_the_next_success_removes_the_log_of_a_failure(
    onnx2tf: EnvironmentSpec, tiny: Model, tmp_path: Path
) -> None:
    log = tmp_path / "tiny.onnx2tf.log"
    log.write_text("of before")
    export(tiny, ["tflite"], tmp_path, "tiny", BY_ONNX2TF)
    assert not log.exists()
