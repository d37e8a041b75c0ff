from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from posedeploy.backends import RUNTIMES, TARGETS, Requirements
from posedeploy.checkpoints.probe_network import probe
from posedeploy.commands.doctor_checks import OPTION_SETS, try_runtime, try_target
from posedeploy.plugins import version_of
from posedeploy.tensorrt.libraries import LIBRARIES
from posedeploy.types import Artifact
from tests.commands.conftest import Invoke, lines_wider_than
from tests.support.tables import ON_CPU, skip_with_gpu


@pytest.mark.slow
def test_every_installed_component_works(done: Invoke) -> None:
    result = done("doctor", "--json", "d.json")
    document = json.loads(Path("d.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.doctor", 1)
    states = {(finding["kind"], finding["name"]): finding["state"] for finding in document["checks"]}
    tried = {("target", name) for name in ON_CPU}
    tried |= {("runtime", name) for name, row in RUNTIMES.items() if "cpu" in row.devices}
    tried |= {("scoring", "pycocotools")}
    assert tried <= states.keys()
    assert {states[row] for row in tried} == {"works"}
    assert "broken" not in states.values()
    if version_of("tensorrt_rtx") is not None:
        assert states["target", "tensorrt"] == states["library", "tensorrt-rtx"] == "works"
    assert {state for (kind, _), state in states.items() if kind == "environment"} == {"missing"}
    assert "posedeploy env add onnx2tf" in result.stdout
    assert document["packages"]["openvino"] in result.stdout
    assert not lines_wider_than(80, result.stdout)
    kinds = tuple({kind for kind, _ in states})
    rows = [line for line in result.stdout.splitlines() if line.startswith(kinds)]
    assert len(rows) == len(states), "one line each"


def test_each_installed_library_is_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx builds the engines")
    skip_with_gpu()
    monkeypatch.setitem(LIBRARIES, "tensorrt", replace(LIBRARIES["tensorrt"], module="tensorrt_rtx"))
    found, artifacts = try_target(TARGETS["tensorrt"], probe(), tmp_path)
    assert [(finding.name, finding.state) for finding in found] == [
        ("tensorrt --trt-library tensorrt", "untested"),
        ("tensorrt --trt-library tensorrt-rtx", "works"),
    ]
    assert [artifact.details["library"] for artifact in artifacts] == ["tensorrt-rtx"]


@pytest.mark.parametrize(("gpu", "flags"), [(False, [""]), (True, ["", "--device cuda"])])
def test_aoti_is_tested_for_a_gpu_if_there_is_one(
    gpu: bool, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert {way: options.aoti.device for way, options in OPTION_SETS["aoti"]().items()} == dict(
        zip(flags, ["cpu", "cuda"], strict=False)
    )


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_runtime_of_onnx_files_is_tested_without_an_export(name: str) -> None:
    result = try_runtime(RUNTIMES[name], None, [])
    assert result.state == "works" and result.detail.startswith("on cpu")


def requirements_of(artifact: Artifact) -> Requirements:
    """Return the device that the test recorded in an artifact."""
    return Requirements(device=artifact.details.get("device"))


def test_a_working_runtime_reports_artifacts_that_it_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    row = replace(RUNTIMES["onnxruntime"], requirements=f"{__name__}:requirements_of")
    monkeypatch.setitem(RUNTIMES, "onnxruntime", row)
    _, (artifact,) = try_target(TARGETS["onnx"], probe(), tmp_path)
    for_gpus = replace(artifact, details={"device": "cuda"})
    result = try_runtime(row, probe(), [artifact, for_gpus])
    assert result.state == "works"
    assert result.detail.startswith("on cpu; `device=cuda`: this ONNX Runtime supports cpu")
