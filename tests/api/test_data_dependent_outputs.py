"""Networks whose number of people depends on the image, from the checkpoint to the poses on each target."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import posedeploy
from posedeploy import contracts
from posedeploy.errors import ExportError
from posedeploy.types import Artifact, Model
from tests.support.detecting_network import write_detecting_network

PHOTO = Path(__file__).parents[2] / "docs" / "demo.jpg"
SHAPES = {
    "boxes": ("data_dependent", 4),
    "scores": ("data_dependent",),
    "keypoints": ("data_dependent", 17, 3),
}
Export = Callable[..., Artifact]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_detecting_network(tmp_path_factory.mktemp("detecting"))


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> str:
    return f"{checkpoint.with_suffix('.py')}:build"


@pytest.fixture(scope="module")
def model(checkpoint: Path, network: str) -> Model:
    return posedeploy.load_checkpoint(checkpoint, network=network)


@pytest.fixture(scope="module")
def export(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Export:
    exported: dict[tuple[str, str], Artifact] = {}

    def export(target: str, precision: str = "fp32") -> Artifact:
        if (target, precision) not in exported:
            folder = tmp_path_factory.mktemp("out")
            options = posedeploy.ExportOptions(precision=precision)  # type: ignore[arg-type]
            exported[target, precision] = posedeploy.export(model, target, folder, options=options)[0]
        return exported[target, precision]

    return export


def test_the_axis_of_people_is_data_dependent(model: Model) -> None:
    assert {tensor.name: tensor.shape for tensor in model.spec.outputs} == SHAPES


def test_a_contract_can_name_an_axis_data_dependent(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text('family = "one-stage"\n[outputs]\ndetections = { shape = ["data_dependent", 56] }')
    assert contracts.read(path).outputs[0].shape == ("data_dependent", 56)


@pytest.mark.parametrize(
    "target",
    [
        "torchscript",
        "onnx",
        pytest.param("openvino", marks=pytest.mark.slow),
        pytest.param("aoti", marks=pytest.mark.slow),
    ],
)
def test_people_on_a_target_are_those_of_pytorch(
    target: str, export: Export, model: Model, network: str
) -> None:
    artifact = export(target)
    assert {tensor.name: tensor.shape for tensor in artifact.spec.outputs} == SHAPES
    image = np.random.default_rng(4).integers(0, 255, (64, 64, 3), np.uint8)
    with posedeploy.load(model) as reference, posedeploy.load(artifact.path) as candidate:
        expected, actual = reference(image), candidate(image)
    assert len(expected) > 1
    np.testing.assert_allclose(actual.keypoints, expected.keypoints, rtol=0, atol=1e-3)
    report = posedeploy.compare(artifact, PHOTO, network=network)
    assert report.passed, report.failures
    assert posedeploy.benchmark(artifact, runs=3).results


def test_a_different_number_of_rows_fails_with_the_name_of_the_output(export: Export, network: str) -> None:
    """BF16 moves scores across the threshold of the network."""
    report = posedeploy.compare(export("torchscript", "bf16"), PHOTO, network=network)
    assert not report.passed
    assert re.search(
        r": boxes has \d+ rows? on .*; expected \d as in the reference: rounding", report.failures[0]
    )


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_bisect_pairs_the_people_that_rounding_adds(precision: str, export: Export, network: str) -> None:
    """FP16 moves scores across the threshold of the network on some inputs and in some layers."""
    report = posedeploy.bisect(export("onnx", precision), network=network)
    assert report.passed, report.verdict
    assert report.matched > report.operations / 2
    unmatched = [each.caused.unmatched for each in report.ranking]
    assert (max(unmatched, default=0) > 0) == (precision == "fp16")


@pytest.mark.slow
def test_tflite_is_refused_with_the_name_of_the_operator(export: Export) -> None:
    with pytest.raises(ExportError, match=r"it fails at the operator aten\.nonzero\.default"):
        export("tflite")


def test_nothing_is_printed_if_operations_depend_on_the_number_of_people(
    checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """torch.export prints the whole graph to stderr."""
    branching = posedeploy.load_checkpoint(
        checkpoint, network=f"{checkpoint.with_suffix('.py')}:build_branching"
    )
    with pytest.raises(ExportError, match="Could not guard on data-dependent expression"):
        posedeploy.export(branching, "onnx", tmp_path)
    assert capfd.readouterr() == ("", "")
