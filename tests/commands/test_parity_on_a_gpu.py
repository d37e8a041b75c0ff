"""``parity --device cuda``: with the noise floor of the GPU, correct exports pass and wrong ones fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.commands.conftest import Invoke, lines_wider_than
from tests.support.reference_cases import BUNDLED, Case

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]
SUFFIXES = ("onnx", "torchscript")


@pytest.fixture(scope="module", params=["lightweight-openpose-2d", "lightweight-openpose-3d"])
def network(request: pytest.FixtureRequest, done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a published network: ``a.pth``, ``a.onnx`` and ``a.torchscript``; do not change them."""
    folder = tmp_path_factory.mktemp("network")
    Case(BUNDLED / request.param).write(folder / "a.pth")
    done("export", folder / "a.pth", "--to", "onnx", "--to", "torchscript", "-o", folder)
    return folder


def _entries(path: Path = Path("p.json")) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(path.read_text())["results"]
    return entries


def test_correct_exports_pass_in_fp32_with_the_noise_floor_of_the_gpu(
    network: Path, done: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(network)  # a line with a long path is not wrapped
    models = [f"a.{suffix}" for suffix in SUFFIXES]
    result = done("parity", *models, "--device", "cuda", "--json", tmp_path / "p.json")
    assert result.stdout.count("floor: PyTorch fp32 on cuda against fp64") == len(models)
    assert not lines_wider_than(80, result.stdout)
    for entry in _entries(tmp_path / "p.json"):
        assert entry["runtime_info"]["precision"] == "fp32"
        for output in entry["outputs"]:
            assert 0 < output["max_relative_floor"] < 1e-2
            assert output["max_relative"] <= output["max_relative_tolerance"]


def test_tf32_has_the_noise_floor_of_tf32(network: Path, invoke: Invoke) -> None:
    arguments = ("--device", "cuda", "--precision", "tf32", "--json", "p.json")
    invoke("parity", network / "a.torchscript", *arguments)
    (entry,) = _entries()
    assert entry["runtime_info"]["precision"] == entry["noise_floor"]["precision"] == "tf32"
    assert not any("largest value" in failure for failure in entry["failures"]), "outputs are as in PyTorch"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_wrong_export_is_refused(suffix: str, network: Path, invoke: Invoke) -> None:
    """The export is compared with a checkpoint that expects another color order."""
    checkpoint = torch.load(network / "a.pth", weights_only=True)
    weights = checkpoint.get("state_dict", checkpoint)
    first = next(name for name, weight in weights.items() if weight.shape[1:2] == (3,))
    weights[first] = weights[first].flip(1)
    torch.save(checkpoint, "other.pth")
    result = invoke("parity", network / f"a.{suffix}", "--device", "cuda", "--checkpoint", "other.pth")
    assert result.exit_code == 1
    assert "(noise floor of PyTorch fp32 on cuda: " in result.stderr
