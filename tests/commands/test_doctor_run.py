"""A package that crashes its process has a broken row, and the other checks continue."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.commands.doctor_checks import CheckResult
from posedeploy.commands.doctor_run import CHECKS, Check, run_checks

SEGFAULT = "import ctypes; ctypes.string_at(0)"
ABORT = "import os; os.write(2, b'terminate called\\n'); os.abort()"
HANG = "import time; time.sleep(600)"
LEAVE = "import os; os._exit(3)"
BUG = "raise AttributeError('no such attribute')"
TRIED = "its process "


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages take precedence over the installed ones."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        (SEGFAULT, "crashed (SIGSEGV)"),
        (ABORT, "crashed (SIGABRT; terminate called)"),
        (LEAVE, "crashed (exit status 3)"),
        (BUG, "failed (AttributeError: no such attribute)"),
        pytest.param(HANG, "was stopped (no end after 20 s)", marks=pytest.mark.slow),
    ],
)
def test_a_package_that_crashes_does_not_stop_the_other_checks(
    stand_in: Path, tmp_path: Path, code: str, detail: str
) -> None:
    pytest.importorskip("pycocotools", reason="it is what the stand-in stands in for")
    (stand_in / "pycocotools.py").write_text(code)
    checks: list[Check] = [("window", "pygame"), ("scoring", "pycocotools"), ("window", "pygame")]
    before, found, after = run_checks(checks, tmp_path, time_limit_s=20 if code == HANG else 60)
    assert found == CheckResult("scoring", "pycocotools", "broken", TRIED + detail)
    assert before == after and before.kind == "window"


@pytest.mark.slow
def test_a_runtime_is_tested_with_the_export_of_an_earlier_child(stand_in: Path, tmp_path: Path) -> None:
    (stand_in / "pycocotools.py").write_text(SEGFAULT)
    checks: list[Check] = [("target", "onnx"), ("scoring", "pycocotools"), ("runtime", "onnxruntime")]
    states = [(finding.name, finding.state) for finding in run_checks(checks, tmp_path)]
    assert states == [("onnx", "works"), ("pycocotools", "broken"), ("onnxruntime", "works")]


def test_targets_are_tested_before_their_runtimes() -> None:
    kinds = [kind for kind, _ in CHECKS]
    assert kinds.index("runtime") == kinds.count("target")
    assert len(set(CHECKS)) == len(CHECKS)
