"""A killed ``export`` leaves the complete old artifact or the complete new one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_killed_export_leaves_a_complete_artifact(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.staging.kill_export", tmp_path / "kills", "60"]
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert process.returncode == 0, process.stderr
    document = json.loads(process.stdout)
    assert len(document["ends"]) == len(document["operations"]) > 60
    assert len(document["random"]) == 60
    for end in document["ends"] + document["random"]:
        assert end["artifact"] in ("old.pth", "new.pth") and not end["hidden"], end
    assert {end["status"] for end in document["ends"]} == {-signal.SIGKILL}
    artifacts = [end["artifact"] for end in document["ends"]]
    assert set(artifacts) == {"old.pth", "new.pth"}
    assert artifacts == sorted(artifacts, reverse=True), "old before the journal, new after it"
