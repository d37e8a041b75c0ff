"""``parity`` with the noise floor of PyTorch: the tolerances and the messages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import Result

from posedeploy.benchmarks import noise_floor, tolerances
from posedeploy.benchmarks.noise_floor import FLOAT64_FACTOR
from posedeploy.benchmarks.tolerances import Tolerance
from tests.commands.conftest import Invoke, lines_wider_than, words
from tests.support.networks import write_crop_network
from tests.support.openvino_processor import NEEDS_BF16


@pytest.fixture(scope="module")
def small(done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small single-person network (ONNX, OpenVINO, checkpoint ``a.pth``); do not change the files."""
    folder = tmp_path_factory.mktemp("small")
    write_crop_network("mobile", folder / "a.pth")
    done("export", folder / "a.pth", "--to", "onnx", "--to", "openvino", "-o", folder)
    return folder / "a.onnx"


@pytest.fixture
def few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise_floor, "RUNS", 2)


def _entry(result: Result) -> dict[str, Any]:
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert (result.exit_code == 0) == entry["passed"]
    return dict(entry)


def test_a_tolerance_that_the_user_passes_is_not_widened(small: Path, few_runs: None, invoke: Invoke) -> None:
    entry = _entry(invoke("parity", small, "--json", "p.json", "--rtol", "1e-9"))
    assert (entry["passed"], entry["reference_precision"], entry["noise_floor"]) == (False, "fp32", None)
    shown = invoke("parity", small, "--json", "p.json", "--rtol", "1e-9", "--noise-floor")
    assert "not used with --rtol" in words(shown.stdout)
    entry = _entry(shown)
    assert (entry["passed"], entry["reference_precision"]) == (False, "fp32")
    assert entry["outputs"][0]["max_relative_tolerance"] == 1e-9
    assert "tolerance 1.0e-09 (noise floor of PyTorch fp32 on cpu: " in entry["failures"][0]


def test_fp64_is_the_reference_if_noise_exceeds_the_tolerance(
    small: Path, few_runs: None, done: Invoke, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A tolerance that noise alone exceeds, on any machine.
    monkeypatch.setattr(tolerances, "TOLERANCES", {"fp32": Tolerance(rtol=1e-9)})
    arguments = ("parity", small, "--json", "p.json")
    few = _entry(done(*arguments))
    assert few["reference_precision"] == "fp64"
    assert few["noise_floor"]["runs"] < 22, "runs are added only while the artifact is outside its limits"
    result = done(*arguments, "--noise-floor")
    assert "within tolerance of PyTorch in fp64" in words(result.stdout)
    assert (
        "floor: PyTorch fp32 on cpu against fp64, 22 runs on 11 inputs; differences up to 2x pass"
        in words(result.stdout)
    )
    assert "for comparison, JPEG at quality 95 moves keypoints by " in words(result.stdout)
    assert not lines_wider_than(80, result.stdout.replace(str(small), "a.onnx"))
    entry = _entry(result)
    assert entry["reference_precision"] == "fp64"
    (output,) = entry["outputs"]
    noise = entry["noise_floor"]["outputs"]["coord"]
    assert output["max_relative_floor"] == noise["largest"] > 1e-9
    assert output["max_relative_tolerance"] == FLOAT64_FACTOR * noise["largest"]
    assert output["rms_relative_tolerance"] == FLOAT64_FACTOR * noise["rms"]
    assert entry["noise_floor"]["poses"]["keypoints"] == 11 * 21
    assert entry["noise_floor"]["jpeg_poses"]["median_px"] > 0

    state = torch.load(small.with_name("a.pth"), weights_only=True)
    state["state_dict"]["backbone.final_layer.weight"] *= 1.01
    torch.save(state, "other.pth")
    other = invoke(*arguments, "--checkpoint", "other.pth")
    assert other.exit_code == 1 and "outside tolerance of PyTorch in fp64" in words(other.stdout)


@NEEDS_BF16
def test_each_precision_has_its_own_noise_floor_and_tolerance(
    small: Path, few_runs: None, invoke: Invoke
) -> None:
    arguments = ("parity", small.with_suffix(".xml"), "--precision", "bf16", "--json", "p.json")
    result = invoke(*arguments, "--max-px", "50", "--max-mm", "500")
    assert result.stdout, result.stderr
    assert "tolerance: 8e-03 of the largest value, 50 px, 500 mm" in result.stdout
    assert "floor: PyTorch bf16 on cpu against fp64" in words(result.stdout)
    entry = _entry(result)
    assert entry["passed"]
    assert entry["outputs"][0]["max_relative_floor"] > 2e-5, "that of FP32 is below 1e-6"


def test_a_precision_without_pytorch_support_has_no_noise_floor(
    small: Path, done: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tolerances, "MANTISSA_BITS", {"bf16": 7})
    result = done("parity", small, "--noise-floor")
    assert "no noise floor: PyTorch has no counterpart to the reported precision 'fp32" in words(
        result.stdout
    )


def test_a_user_network_without_fp64_has_no_noise_floor(
    own: Path, network: tuple[str, str], done: Invoke
) -> None:
    text = (own / "crowd_net.py").read_text()
    Path("net.py").write_text(
        "import torch\n"
        + text.replace("return CrowdNetwork(", "return Picky(")
        + "\n\nclass Picky(CrowdNetwork):\n"
        + "    def forward(self, data):\n"
        + "        return super().forward(data @ torch.eye(data.shape[-1]))\n"
    )
    shutil.copy(own / "human.pth", "human.pth")
    arguments = ("--network", "net.py:build")
    done("export", "human.pth", "--to", "onnx", "-o", "out", *arguments)
    result = done("parity", "out/human.onnx", "--noise-floor", *arguments)
    assert "no noise floor: net.py:build does not run in another precision (" in words(result.stdout)
