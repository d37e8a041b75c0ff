"""LiteRT: reports of the delegation, third-party files, and unsupported sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import ArtifactError, DeviceError, InputError, ManifestError
from posedeploy.runtimes.litert_details import Operators, operators_of, precision_of
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions, TensorSpec


@pytest.fixture(scope="module")
def free(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Export the tiny network with every axis dynamic."""
    (artifact,) = export(
        tiny, ["tflite"], tmp_path_factory.mktemp("free"), "free", ExportOptions(dynamic=True)
    )
    return artifact


def _as_third_party(artifact: Artifact) -> Artifact:
    return Artifact(artifact.path, "tflite", ModelSpec("unknown", "", (), ()), "unknown")


def test_the_delegation_to_xnnpack_is_reported(exported: dict[str, Artifact], free: Artifact) -> None:
    for artifact in (exported["tflite"], free):
        with open_runner(artifact, RunOptions(threads=1, hint="throughput")) as runner:
            assert runner.runtime_info.details["hint"] == "throughput"
            taken, _, count = runner.runtime_info.details["XNNPACK"].partition(" of ")
            assert taken == count.removesuffix(" operators"), "the tiny network's are all taken"
            assert "not delegated" not in runner.runtime_info.details


class StandInInterpreter:
    """An interpreter with an undelegated operator between two delegated ones."""

    def _get_ops_details(self) -> list[Mapping[str, object]]:
        def node(index: int, name: str, inputs: list[int], outputs: list[int]) -> Mapping[str, object]:
            types = [np.float32, np.int8]
            return {
                "index": index, "op_name": name, "inputs": inputs, "outputs": outputs, "operand_types": types,
            }  # fmt: skip

        return [
            node(0, "CONV_2D", [0, 9], [1]),
            node(1, "SELECT", [1], [2]),
            node(2, "RELU", [2], [3]),
            node(3, "DELEGATE", [0, 9], [1]),
            node(4, "DELEGATE", [2], [3]),
        ]

    def get_output_details(self) -> list[Mapping[str, object]]:
        return [{"index": 3}]


def test_undelegated_operators_are_named() -> None:
    operators = operators_of(StandInInterpreter())
    layers = {"convolutions": Counter({"int8 (dynamic)": 1})}
    assert operators == Operators(3, {"SELECT": 1}, frozenset({"int8"}), layers)
    assert operators.summary == {
        "layers": "convolutions: 1 int8 (dynamic)",
        "XNNPACK": "2 of 3 operators",
        "not delegated": "1 SELECT",
    }
    assert precision_of(operators) == "int8"
    assert precision_of(Operators(0, {}, frozenset()), "int16") == "int16"


def test_a_third_party_file_has_the_names_of_its_signature(
    exported: dict[str, Artifact], tiny: Model
) -> None:
    with open_runner(_as_third_party(exported["tflite"]), RunOptions(threads=1)) as runner:
        assert runner.inputs == (TensorSpec("data", (1, 3, 32, 40)),)
        assert {spec.name for spec in runner.outputs} == {spec.name for spec in tiny.spec.outputs}
        found = runner.run({"data": np.zeros((1, 3, 32, 40), np.float32)})
        assert found["pafs"].shape == (1, 4, 4, 5)


def test_a_third_party_file_may_have_dynamic_axes(free: Artifact) -> None:
    with open_runner(_as_third_party(free), RunOptions(threads=1)) as runner:
        assert runner.inputs == (TensorSpec("data", ("axis0", 3, "axis2", "axis3")),)
        for shape in ((2, 3, 16, 24), (1, 3, 32, 40)):
            assert runner.run({"data": np.zeros(shape, np.float32)})["pafs"].shape[0] == shape[0]


def test_an_unsupported_size_is_an_error_and_the_next_one_runs(free: Artifact) -> None:
    with open_runner(free, RunOptions(threads=1)) as runner:
        with pytest.raises(InputError, match=r"cannot run on inputs of this size: .*free\.tflite: L"):
            runner.run({"data": np.zeros((1, 3, 0, 0), np.float32)})
        assert runner.run({"data": np.zeros((1, 3, 32, 40), np.float32)})["pafs"].shape == (1, 4, 4, 5)


def test_a_manifest_that_differs_from_the_file_is_an_error(exported: dict[str, Artifact]) -> None:
    artifact = exported["tflite"]
    other = replace(artifact.spec, inputs=(TensorSpec("data", (1, 3, 32, 48), layout="NCHW"),))
    with pytest.raises(ArtifactError, match=r"its manifest has data .*x48 .*, and the file has data .*x40; "):
        open_runner(replace(artifact, spec=other), RunOptions(threads=1))


def test_another_device_and_another_precision_are_refused(exported: dict[str, Artifact]) -> None:
    with pytest.raises(DeviceError, match=r"^`device=cuda`: LiteRT runs on cpu only; use `device=cpu`$"):
        open_runner(exported["tflite"], RunOptions(device="cuda"))
    with pytest.raises(
        DeviceError, match=r"^`precision=fp16`: LiteRT runs files in fp32 only; use `precision=fp32`$"
    ):
        open_runner(exported["tflite"], RunOptions(precision="fp16"))


def test_a_runner_prints_nothing_on_stderr(
    exported: dict[str, Artifact], capfd: pytest.CaptureFixture[str]
) -> None:
    with open_runner(exported["tflite"], RunOptions(threads=1)) as runner:
        runner.run({"data": np.zeros((1, 3, 32, 40), np.float32)})
    assert capfd.readouterr().err == ""


def test_any_interpreter_reads_the_file_with_the_manifest_at_its_end(
    exported: dict[str, Artifact], tmp_path: Path
) -> None:
    content = exported["tflite"].path.read_bytes()
    assert content[4:8] == b"TFL3" and b"posedeploy.manifest" in content
    Interpreter(model_content=content).allocate_tensors()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (
            3,
            r"channels_last in its manifest is not a list of names \(Expected `array`, got `int`",
        ),
        (["nothing"], "channels_last in its manifest has nothing, which is not an image or a map"),
    ],
)
def test_a_doctored_manifest_is_refused(exported: dict[str, Artifact], named: object, message: str) -> None:
    doctored = replace(exported["tflite"], details={"channels_last": named})
    with pytest.raises(ManifestError, match=message):
        open_runner(doctored, RunOptions())
