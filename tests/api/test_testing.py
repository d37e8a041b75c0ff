"""``posedeploy.testing`` and the pytest plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import posedeploy as pd
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import PoseDeployError
from posedeploy.testing import assert_parity
from posedeploy.types import Artifact

pytest_plugins = ["pytester"]
PLUGIN = ("-p", "posedeploy.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:anyio")
ONE_THREAD = ("--posedeploy-threads", "1")


def test_equal_poses_pass(artifact: Artifact) -> None:
    assert assert_parity(str(artifact.path), threads=1).passed


def test_a_difference_raises_an_assertion_error(artifact: Artifact, networks: Path) -> None:
    with pytest.raises(AssertionError) as raised:
        assert_parity(artifact, checkpoint=networks / "other.pth", rtol=1e-4, threads=1)
    first, ran, tolerance, *differences, details = str(raised.value).splitlines()
    assert first == f"{artifact.path} differs from PyTorch in fp32"
    assert ran.startswith("  ran: torchscript ") and ran.endswith(", CPU, fp32")
    assert tolerance == "  tolerance: 1e-04 of an output's largest value, 0.1 px, 1 mm"
    assert differences and all(line.startswith("  - ") for line in differences)
    assert details == f"  details: posedeploy parity {artifact.path}"


def test_a_budget_is_checked_and_shown(artifact: Artifact, networks: Path) -> None:
    assert assert_parity(artifact, budget=["1px", "1mm"], threads=1).budget is not None
    with pytest.raises(AssertionError) as raised:
        assert_parity(artifact, checkpoint=networks / "other.pth", budget="0.01px", threads=1)
    _, _, budget, *differences, _ = str(raised.value).splitlines()
    assert budget == "  budget of the poses: 0.01 px, 1 mm (default), 2 % unmatched keypoints (default)"
    assert any("keypoints differ by " in line for line in differences)


def test_an_artifact_that_cannot_be_compared_is_another_error(tmp_path: Path) -> None:
    with pytest.raises(PoseDeployError, match="no such file"):
        assert_parity(tmp_path / "gone.onnx")


def test_the_plugin_adds_a_test_for_each_artifact(artifact: Artifact, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_own(): pass")
    pattern = str(artifact.path.with_name("*.torchscript"))
    result = pytester.runpytest_inprocess(*PLUGIN, *ONE_THREAD, "-v", "--posedeploy-artifacts", pattern)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"*parity?{artifact.path}?*PASSED*"])
    selected = pytester.runpytest_inprocess(
        *PLUGIN, "-k", "test_own", "--posedeploy-artifacts", str(artifact.path)
    )
    selected.assert_outcomes(passed=1, deselected=1)


def test_a_failed_test_lists_the_differences(
    artifact: Artifact, networks: Path, pytester: pytest.Pytester
) -> None:
    options = (
        *ONE_THREAD,
        "--posedeploy-rtol",
        "1e-4",
        "--posedeploy-checkpoint",
        str(networks / "other.pth"),
    )
    result = pytester.runpytest_inprocess(*PLUGIN, *options, "--posedeploy-artifacts", str(artifact.path))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"{artifact.path} differs from PyTorch in fp32", "  - *"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*posedeploy/testing.py*")


def test_an_artifact_runs_in_the_precision_that_it_was_exported_for(
    networks: Path, tmp_path: Path, pytester: pytest.Pytester
) -> None:
    model = pd.load_checkpoint(networks / "hg.pth")
    (exported,) = pd.export(model, "onnx", tmp_path / "out", options=ExportOptions(precision="fp16"))
    assert "fp16" in assert_parity(exported, budget=["1e3px", "1e4mm", "100%"]).runtime_info.precision
    options = ("--posedeploy-budget", "1e3px", "--posedeploy-budget", "1e4mm", "--posedeploy-artifacts")
    passed = pytester.runpytest_inprocess(*PLUGIN, *ONE_THREAD, *options, str(exported.path))
    passed.assert_outcomes(passed=1)
    refused = pytester.runpytest_inprocess(
        *PLUGIN, "--posedeploy-precision", "fp32", "--posedeploy-artifacts", str(exported.path)
    )
    refused.assert_outcomes(failed=1)
    refused.stdout.fnmatch_lines(["*`precision=fp32`*"])


@pytest.mark.parametrize(("name", "reason"), [("gone.onnx", "no such file"), (".", "a folder")])
def test_a_file_that_is_not_an_artifact_is_a_usage_error(
    pytester: pytest.Pytester, name: str, reason: str
) -> None:
    result = pytester.runpytest_inprocess(*PLUGIN, "--posedeploy-artifacts", name)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--posedeploy-artifacts {name}: {reason}; expected artifacts*"])


def test_the_plugin_loads_nothing_without_its_option(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "import sys\n"
        "def test_own():\n"
        "    loaded = {name for name in sys.modules if name.startswith('posedeploy')}\n"
        "    assert loaded == {'posedeploy', 'posedeploy.pytest_plugin'}\n"
        "    assert not {'torch', 'numpy', 'cv2', 'msgspec', 'rich'} & sys.modules.keys()\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "posedeploy.pytest_plugin", str(tmp_path)]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
