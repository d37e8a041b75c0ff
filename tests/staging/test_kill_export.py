"""A killed ``export`` leaves the old artifact or the new one, whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_an_export_killed_at_any_operation_or_moment_leaves_a_whole_artifact(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.staging.kill_export", tmp_path / "kills", "60"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert len(document["ends"]) == len(document["operations"]) > 60
    assert len(document["random"]) == 60
    for end in document["ends"] + document["random"]:
        assert end["left"] in ("old.pth", "new.pth") and not end["hidden"], end
    assert {end["status"] for end in document["ends"]} == {-signal.SIGKILL}
    lefts = [end["left"] for end in document["ends"]]
    assert set(Counter(lefts)) == {"old.pth", "new.pth"}
    assert lefts == sorted(lefts, reverse=True), "old at all positions before the journal, then new at all"
