"""Model files that are damaged, missing or of a third party."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.errors import ArtifactError
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions, TensorSpec
from tests.runtimes.runner_cases import ARTIFACT_PAIRS, DAMAGE
from tests.support.tables import ON_CPU


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("target", "runtime"), ARTIFACT_PAIRS, ids=map("-on-".join, ARTIFACT_PAIRS))
def test_a_damaged_file_is_refused_in_one_line(
    exported: dict[str, Artifact], tmp_path: Path, target: str, runtime: str, damage: str
) -> None:
    whole = exported[target]
    for name in whole.files:
        (tmp_path / name).write_bytes(whole.path.with_name(name).read_bytes())
    broken = tmp_path / whole.path.name
    broken.write_bytes(DAMAGE[damage](broken.read_bytes()))
    with pytest.raises(ArtifactError, match=rf"^{broken}: ") as load_error:
        open_runner(Artifact(broken, target, whole.spec, "fp32"), RunOptions(), runtime)
    assert "\n" not in str(load_error.value)


@pytest.mark.parametrize("size", [0, 500])
def test_truncated_weights_are_refused(exported: dict[str, Artifact], tmp_path: Path, size: int) -> None:
    whole = exported["openvino"]
    (tmp_path / "tiny.xml").write_bytes(whole.path.read_bytes())
    (tmp_path / "tiny.bin").write_bytes(whole.path.with_suffix(".bin").read_bytes()[:size])
    with pytest.raises(ArtifactError, match="OpenVINO cannot read it"):
        open_runner(Artifact(tmp_path / "tiny.xml", "openvino", whole.spec, "fp32"), RunOptions())


@pytest.mark.parametrize(("target", "runtime"), ARTIFACT_PAIRS, ids=map("-on-".join, ARTIFACT_PAIRS))
def test_a_missing_file_is_refused(tiny: Model, tmp_path: Path, target: str, runtime: str) -> None:
    path = tmp_path / f"gone{ON_CPU[target].suffix}"
    with pytest.raises(ArtifactError, match=rf"^{path}: "):
        open_runner(Artifact(path, target, tiny.spec, "fp32"), RunOptions(), runtime)


def test_third_party_torchscript_needs_tensor_names(exported: dict[str, Artifact]) -> None:
    nameless = Artifact(
        exported["torchscript"].path, "torchscript", ModelSpec("unknown", "", (), ()), "unknown"
    )
    with pytest.raises(
        ArtifactError,
        match=r"TorchScript has no tensor names, .* describe the inputs and outputs with `contract`",
    ):
        open_runner(nameless, RunOptions())


def test_an_open_model_zoo_network_keeps_its_tensor_names(real: Path) -> None:
    path = real / "human-pose-estimation-0001.xml"
    with open_runner(
        Artifact(path, "openvino", ModelSpec("unknown", "", (), ()), "unknown"), RunOptions()
    ) as runner:
        assert runner.inputs == (TensorSpec("data", (1, 3, 256, 456)),)
        assert {spec.name: spec.shape for spec in runner.outputs} == {
            "Mconv7_stage2_L1": (1, 38, 32, 57),
            "Mconv7_stage2_L2": (1, 19, 32, 57),
        }


def test_the_precision_of_a_quantized_network_is_reported(real: Path) -> None:
    artifact = Artifact(
        real / "human-pose-estimation-0001.xml", "openvino", ModelSpec("unknown", "", (), ()), "unknown"
    )
    with open_runner(artifact, RunOptions(precision="fp32")) as runner:
        assert runner.runtime_info.precision == "int8"


def test_the_precision_of_a_third_party_onnx_file_is_not_guessed(
    exported: dict[str, Artifact],
) -> None:
    theirs = Artifact(exported["onnx"].path, "onnx", ModelSpec("unknown", "", (), ()), "unknown")
    with open_runner(theirs, RunOptions(hint="throughput")) as runner:
        assert runner.runtime_info.precision == "as in the file"
        assert runner.runtime_info.details["hint"] == "throughput"
