"""``posedeploy.testing`` and the pytest plugin."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import posedeploy as pd
from posedeploy.api.model_args import ModelKeywords
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import PoseDeployError
from posedeploy.pytest_plugin import KEYWORDS
from posedeploy.testing import assert_parity
from posedeploy.types import Artifact

PLUGIN = ("-p", "posedeploy.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:anyio")
ONE_THREAD = ("--posedeploy-threads", "1")


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a folder in another process.

    The ``pytester`` fixture drops the modules that a test imports, and a second import of onnx is a crash.
    """
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "300"}
    command = [sys.executable, "-m", "pytest", *PLUGIN, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_equal_poses_pass(artifact: Artifact) -> None:
    assert assert_parity(str(artifact.path), threads=1).passed


def test_a_difference_raises_an_assertion_error(artifact: Artifact, networks: Path) -> None:
    with pytest.raises(AssertionError) as raised:
        assert_parity(artifact, checkpoint=networks / "other.pth", rtol=1e-4, threads=1)
    first, ran, tolerance, *differences, details = str(raised.value).splitlines()
    assert first == f"{artifact.path}: outside tolerance of PyTorch in fp32"
    assert ran.startswith("  ran: torchscript ") and ran.endswith(", CPU, fp32")
    assert tolerance == "  tolerance: 1e-04 of an output's largest value, 0.1 px, 1 mm"
    assert differences and all(line.startswith("  - ") for line in differences)
    assert details == f"  details: posedeploy parity {shlex.quote(str(artifact.path))}"


def test_a_budget_is_checked_and_shown(artifact: Artifact, networks: Path) -> None:
    assert assert_parity(artifact, budget=["1px", "1mm"], threads=1).budget is not None
    with pytest.raises(AssertionError) as raised:
        assert_parity(artifact, checkpoint=networks / "other.pth", budget="0.01px", threads=1)
    verdict, _, budget, *differences, _ = str(raised.value).splitlines()
    assert verdict == f"{artifact.path}: over budget, compared with PyTorch in fp32"
    assert budget == "  budget of the poses: 0.01 px, 1 mm (default), 2% unmatched keypoints (default)"
    assert any("keypoints differ by " in line for line in differences)


def test_an_artifact_that_cannot_be_compared_is_another_error(tmp_path: Path) -> None:
    with pytest.raises(PoseDeployError, match="no such file"):
        assert_parity(tmp_path / "gone.onnx")


def test_the_plugin_adds_a_test_for_each_artifact(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own(): pass")
    pattern = str(artifact.path.with_name("*.torchscript"))
    result = run_pytest(tmp_path, *ONE_THREAD, "-v", "--posedeploy-artifacts", pattern)
    assert "= 2 passed in" in result.stdout, result.stdout
    assert re.search(rf"parity.{re.escape(str(artifact.path))}. PASSED", result.stdout)
    selected = run_pytest(tmp_path, "-k", "test_own", "--posedeploy-artifacts", str(artifact.path))
    assert "= 1 passed, 1 deselected in" in selected.stdout, selected.stdout


def test_a_failed_test_lists_the_differences(artifact: Artifact, networks: Path, tmp_path: Path) -> None:
    options = (
        *ONE_THREAD,
        "--posedeploy-rtol",
        "1e-4",
        "--posedeploy-checkpoint",
        str(networks / "other.pth"),
    )
    result = run_pytest(tmp_path, *options, "--posedeploy-artifacts", str(artifact.path))
    assert "= 1 failed in" in result.stdout, result.stdout
    lines = result.stdout.splitlines()
    first = lines.index(f"{artifact.path}: outside tolerance of PyTorch in fp32")
    assert any(line.startswith("  - ") for line in lines[first:])
    assert "Traceback" not in result.stdout and "posedeploy/testing.py" not in result.stdout


def test_an_artifact_runs_in_the_precision_that_it_was_exported_for(networks: Path, tmp_path: Path) -> None:
    model = pd.load_checkpoint(networks / "hg.pth")
    (exported,) = pd.export(model, "onnx", tmp_path / "out", options=ExportOptions(precision="fp16"))
    assert "fp16" in assert_parity(exported, budget=["1e3px", "1e4mm", "100%"]).runtime_info.precision
    options = ("--posedeploy-budget", "1e3px", "--posedeploy-budget", "1e4mm", "--posedeploy-artifacts")
    passed = run_pytest(tmp_path, *ONE_THREAD, *options, str(exported.path))
    assert "= 1 passed in" in passed.stdout, passed.stdout
    refused = run_pytest(
        tmp_path, "--posedeploy-precision", "fp32", "--posedeploy-artifacts", str(exported.path)
    )
    assert "= 1 failed in" in refused.stdout and "`precision=fp32`" in refused.stdout, refused.stdout


NETWORK = """
from torch import nn
from posedeploy.types import ModelSpec, TensorSpec

def build():
    data, maps = TensorSpec("data", (1, 3, 8, 8)), TensorSpec("maps", (1, 2, 8, 8))
    return nn.Conv2d(3, 2, 1), ModelSpec("own", "", (data,), (maps,))
"""


@pytest.mark.slow
def test_the_network_of_an_artifact_is_an_option(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    torch.save(torch.nn.Conv2d(3, 2, 1).state_dict(), tmp_path / "own.pth")
    network = f"{tmp_path / 'net.py'}:build"
    (own,) = pd.export(pd.load_checkpoint(tmp_path / "own.pth", network=network), "torchscript", tmp_path)
    artifact = ("--posedeploy-artifacts", str(own.path))
    assert "repeat that argument" in run_pytest(tmp_path, *ONE_THREAD, *artifact).stdout
    passed = run_pytest(tmp_path, *ONE_THREAD, "--posedeploy-network", network, *artifact)
    assert "= 1 passed in" in passed.stdout, passed.stdout


def test_the_plugin_has_the_arguments_of_compare() -> None:
    arguments = inspect.signature(pd.compare).parameters.keys() | ModelKeywords.__annotations__.keys()
    others = {"artifacts", "on_progress", "model_args", "noise_floor", "height", "stages"}
    others |= {"save_reference", "collected_outputs"}
    assert {name.replace("-", "_") for name in KEYWORDS} == arguments - others


@pytest.mark.parametrize(("name", "reason"), [("gone.onnx", "no such file"), (".", "a folder")])
def test_a_file_that_is_not_an_artifact_is_a_usage_error(tmp_path: Path, name: str, reason: str) -> None:
    result = run_pytest(tmp_path, "--posedeploy-artifacts", name)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"--posedeploy-artifacts {name}: {reason}; expected artifacts" in result.stderr


def test_the_plugin_loads_nothing_without_its_option(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "import sys\n"
        "def test_own():\n"
        "    loaded = {name for name in sys.modules if name.startswith('posedeploy')}\n"
        "    assert loaded == {'posedeploy', 'posedeploy.pytest_plugin'}\n"
        "    assert not {'torch', 'numpy', 'cv2', 'msgspec', 'rich'} & sys.modules.keys()\n"
    )
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
