"""Third-party models with channels last and integers have the poses of the same network in floats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posedeploy import contracts
from posedeploy.errors import InputError
from posedeploy.predict.chain import Predictor
from posedeploy.runtimes.adapted import AdaptedRunner, adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_artifact, open_runner, resolve_spec
from posedeploy.types import (
    Array,
    InputContract,
    ModelSpec,
    Poses,
    Quantization,
    RunOptions,
    RuntimeInfo,
    Tensors,
    TensorSpec,
)
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, CrowdRunner, spec_of
from tests.support import third_party
from tests.support.third_party import TensorKind

FAMILY = "lightweight-openpose-2d"
RUNTIMES = ("onnxruntime", "openvino")
PHOTO = np.random.RandomState(0).randint(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def people() -> Poses:
    """Return the people that the network finds in floats."""
    spec = spec_of(FAMILY, height=HEIGHT, width=WIDTH)
    return Predictor(CrowdRunner(spec), spec)(PHOTO)


def _predicted(path: Path, described: ModelSpec, runtime: str | None = None) -> tuple[Poses, ModelSpec]:
    artifact = open_artifact(path, described)
    with open_runner(artifact, RunOptions(threads=1), runtime) as runner:
        spec = resolve_spec(artifact, runner)
        return Predictor(runner, spec)(PHOTO), spec


def _check_poses(found: Poses, people: Poses) -> None:
    """Compare people; maps quantized in steps of 0.01 move a peak by at most one cell of the enlarged map."""
    assert len(found) == len(people) == PEOPLE
    both = (found.keypoints[..., 2] > 0) & (people.keypoints[..., 2] > 0)
    assert both.mean() > 0.9
    assert np.abs(found.keypoints[both, :2] - people.keypoints[both, :2]).max() <= 2


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", third_party.INPUTS)
def test_every_dtype_and_layout_has_the_same_people(
    dtype: str, layout: str, runtime: str, tmp_path: Path, people: Poses
) -> None:
    kind = TensorKind(dtype, layout)
    path = third_party.write_onnx(tmp_path / "crowd.onnx", kind, kind)
    (tmp_path / "crowd.toml").write_text(third_party.contract(kind, kind))
    found, spec = _predicted(path, contracts.read(tmp_path / "crowd.toml"), runtime)
    _check_poses(found, people)
    assert [(tensor.dtype, tensor.layout) for tensor in spec.outputs] == [(dtype, layout)] * 2


@pytest.mark.parametrize("bits", [8, pytest.param(16, marks=pytest.mark.slow)])
def test_a_full_integer_tflite_file_needs_no_scale_in_its_contract(
    bits: int, tmp_path: Path, people: Poses
) -> None:
    path = third_party.write_tflite(tmp_path, bits)
    described = replace(contracts.family_defaults(FAMILY), roles={"heatmaps": "output_0", "pafs": "output_1"})
    found, spec = _predicted(path, described)
    _check_poses(found, people)
    tensors = (*spec.inputs, *spec.outputs)
    assert {(tensor.dtype, tensor.layout) for tensor in tensors} == {(f"int{bits}", "NHWC")}
    assert all(tensor.quantization is not None and tensor.quantization.scale > 0 for tensor in tensors)


def test_a_raw_uint8_image_is_not_converted(tmp_path: Path, people: Poses) -> None:
    takes = TensorKind("uint8", "NHWC")
    path = third_party.write_onnx(tmp_path / "crowd.onnx", takes, TensorKind("float32", "NCHW"))
    (tmp_path / "crowd.toml").write_text(
        f'family = "{FAMILY}"\n[input]\nname = "images"\nembedded = ["normalization"]\n'
    )
    found, _ = _predicted(path, contracts.read(tmp_path / "crowd.toml"))
    _check_poses(found, people)


class IntegerRunner(Runner):
    """A runner that returns its integer input, and maps of it with channels last."""

    def __init__(self, shape: tuple[int, ...] = (1, 2, 3, 4)) -> None:
        self.inputs = (TensorSpec("joints", (1, 5, 2), "int8"),)
        self.outputs = (TensorSpec("again", (1, 5, 2), "int8"), TensorSpec("maps", shape, "uint8"))
        self.runtime_info = RuntimeInfo("integers", "1", "CPU", "i8", 1)
        self.maps = np.arange(24, dtype=np.uint8).reshape(shape)

    def _run(self, tensors: Tensors) -> Tensors:
        return {"again": tensors["joints"].copy(), "maps": self.maps.copy()}


def _integer_spec(runner: Runner, maps: Quantization | None = Quantization(0.5, 4)) -> ModelSpec:  # noqa: B008
    joints = Quantization(0.25, -8)
    again, last = runner.outputs
    return ModelSpec(
        "x",
        "",
        (replace(runner.inputs[0], quantization=joints),),
        (replace(again, quantization=joints), replace(last, layout="NHWC", quantization=maps)),
        roles={"maps": "maps"},
    )


def test_an_adapted_integer_runner_accepts_and_returns_real_numbers() -> None:
    inner = IntegerRunner()
    runner = adapt_runner(inner, _integer_spec(inner))
    assert isinstance(runner, AdaptedRunner)
    assert runner.inputs == inner.inputs and runner.runtime_info == inner.runtime_info
    assert runner.outputs == (
        TensorSpec("again", (1, 5, 2)),
        TensorSpec("maps", (1, 4, 2, 3), layout="NCHW"),
    )
    real = np.linspace(-3, 3, 10, dtype=np.float32).reshape(1, 5, 2)
    for found in (runner.run({"joints": real}), *runner.stream([{"joints": real}])):
        assert np.abs(found["again"] - real).max() <= 0.125
        expected = (inner.maps.astype(np.float32) - 4) * 0.5
        np.testing.assert_array_equal(found["maps"], expected.transpose(0, 3, 1, 2))
        assert found["maps"].flags.c_contiguous and found["maps"].dtype == np.float32
    integers = np.full((1, 5, 2), -8, np.int8)
    assert not runner.run({"joints": integers})["again"].any(), "integers go in as they are"


def test_a_runner_without_need_of_conversion_is_returned() -> None:
    spec = spec_of(FAMILY, height=HEIGHT, width=WIDTH)
    runner = CrowdRunner(spec)
    assert adapt_runner(runner, spec) is runner


def test_integers_without_a_scale_are_not_decoded() -> None:
    inner = IntegerRunner()
    with pytest.raises(InputError, match=r"output maps uint8 1x2x3x4 NHWC holds integers whose scale"):
        adapt_runner(inner, _integer_spec(inner, None))
    spec = replace(_integer_spec(inner, None), roles={})
    assert isinstance(adapt_runner(inner, spec), AdaptedRunner), "what is not decoded stays as it is"


def _prepared(tensor: TensorSpec, image: Array, **contract: object) -> Array:
    from posedeploy.poses.preprocess import prepare

    base = InputContract(8, 8, (128.0,) * 3, (256.0,) * 3)
    spec = ModelSpec("x", "", (tensor,), (), replace(base, **contract))  # type: ignore[arg-type]
    return prepare(image, spec)[0]["images"]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_a_quantized_image_is_the_normalized_one_to_the_nearest_integer(dtype: str, layout: str) -> None:
    shape = (1, 8, 8, 3) if layout == "NHWC" else (1, 3, 8, 8)
    image = np.random.RandomState(1).randint(0, 256, (8, 8, 3)).astype(np.uint8)
    plain = TensorSpec("images", shape, layout=layout)  # type: ignore[arg-type]
    quantization = third_party.INPUTS[dtype]
    assert quantization is not None
    found = _prepared(replace(plain, dtype=dtype, quantization=quantization), image)
    assert found.dtype == dtype and found.shape == shape
    real = (found.astype(np.float64) - quantization.zero_point) * quantization.scale
    assert np.abs(real - _prepared(plain, image)).max() <= quantization.scale * 0.51


@pytest.mark.parametrize(
    ("quantization", "held"),
    [
        (Quantization(1.0, 0), "-128 to 127 in steps of 1"),
        (Quantization(1 / 255, 127), "-1 to 0 in steps of 0.003922"),
        (Quantization(1e-4, 0), "-0.0128 to 0.0127"),
    ],
)
def test_a_scale_that_does_not_represent_the_image_is_an_error(quantization: Quantization, held: str) -> None:
    tensor = TensorSpec("images", (1, 3, 8, 8), "int8", "NCHW", quantization)
    with pytest.raises(
        InputError, match=rf"the image's values are from -0.5 to 0.4961, and the tensor represents {held}"
    ):
        _prepared(tensor, np.zeros((8, 8, 3), np.uint8))


def test_raw_pixels_may_be_shifted_to_int8() -> None:
    tensor = TensorSpec("images", (1, 8, 8, 3), "int8", "NHWC", Quantization(1.0, -128))
    image = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    found = _prepared(tensor, image, embedded=("normalization",))
    np.testing.assert_array_equal(found[0].astype(int), image.astype(int) - 128)
