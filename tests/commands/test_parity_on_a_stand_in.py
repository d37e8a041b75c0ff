"""``parity --device cuda`` on a stand-in for a GPU that has the noise of Winograd kernels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from posedeploy.api import recorded_candidate, reference_runners
from posedeploy.api.open_models import open_pytorch_runner
from posedeploy.benchmarks import noise_floor
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.runtimes.base import Runner
from posedeploy.types import Artifact, Model, RunOptions
from tests.commands.conftest import Invoke, lines_wider_than, words
from tests.support.networks import write_crop_network
from tests.support.winograd import WinogradLike


@pytest.fixture
def network(done: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small single-person network with heatmaps, exported. Every runner on cuda is a stand-in."""
    path = write_crop_network("hg", tmp_path / "a.pth")
    done("export", path, "--to", "torchscript")

    def open_candidate(artifact: Artifact, options: RunOptions, runtime: str | None) -> Runner:
        return WinogradLike(open_checkpoint(path), 2)

    def open_reference(model: Model, options: RunOptions) -> Runner:
        on_gpu = options.device == "cuda" and type(model.module).__name__ != "InFloat64"
        return WinogradLike(model, 1) if on_gpu else open_pytorch_runner(model, RunOptions(threads=1))

    monkeypatch.setattr(noise_floor, "RUNS", 2)
    monkeypatch.setattr(recorded_candidate, "open_runner", open_candidate)
    monkeypatch.setattr(reference_runners, "open_pytorch_runner", open_reference)
    return Path("artifacts/a.torchscript")


def test_a_correct_export_passes_with_the_noise_floor_of_the_device(network: Path, invoke: Invoke) -> None:
    result = invoke("parity", network, "--device", "cuda", "--noise-floor", "--json", "p.json")
    assert result.exit_code == 0, result.output
    assert "within tolerance of PyTorch in fp64" in words(result.stdout)
    assert (
        "floor: PyTorch fp32 on cuda against fp64, 22 runs on 11 inputs; differences up to 2x pass"
        in words(result.stdout)
    )
    assert not lines_wider_than(80, result.stdout)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert entry["noise_floor"]["device"] == "cuda"
    noise = entry["noise_floor"]["poses"]["error_mm"]
    assert entry["tolerance"]["mm"] == max(1, 2 * noise) >= entry["poses"]["error_mm"]
    for output in entry["outputs"]:
        assert 1e-4 < output["max_relative"] < output["max_relative_tolerance"]


def test_a_budget_ignores_keypoints_that_noise_decides(network: Path, invoke: Invoke) -> None:
    """Without training, many peaks are nearly equal: without the noise at peaks, keypoints differ by 100
    px."""
    budget = ("--budget", "1px", "--budget", "5mm", "--budget", "0%")
    result = invoke("parity", network, "--device", "cuda", *budget, "--json", "p.json")
    assert result.exit_code == 0, result.output
    assert "11 runs on 11 inputs; decides which keypoints are ambiguous" in words(result.stdout)
    assert not lines_wider_than(80, result.stdout)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert (entry["noise_floor"]["runs"], entry["reference_precision"]) == (11, "fp32")


def test_a_wrong_export_fails(network: Path, invoke: Invoke) -> None:
    checkpoint = torch.load("a.pth", weights_only=True)
    weights = checkpoint["state_dict"]
    first = next(name for name, weight in weights.items() if weight.shape[1:2] == (3,))
    weights[first] = weights[first].flip(1)
    torch.save(checkpoint, "other.pth")
    result = invoke("parity", network, "--device", "cuda", "--checkpoint", "other.pth")
    assert result.exit_code == 1
    assert "(noise floor of PyTorch fp32 on cuda: " in words(result.stderr)
