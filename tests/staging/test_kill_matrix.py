"""A run that ends in any way at any operation leaves the old set or the new one, and a true message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from posedeploy.console.error_handling import INTERRUPTED
from posedeploy.staging.work_folder import IN_PLACE, UNCHANGED
from tests.staging.kill_matrix import ENDINGS, ERRORS, Ending
from tests.staging.scenarios import SCENARIOS, Scenario

ROOT = Path(__file__).parents[2]
PENDING = "and restoring the old files failed too; both the new and the old files are complete in"
FAILURES = [
    (scenario, f"{how}{lasting}") for scenario in SCENARIOS for how in ERRORS for lasting in ("", " lasting")
]
QUICK_ENDINGS = ("KILL", "INT repeatedly")
QUICK = [("set", "EIO"), ("set", "EIO lasting")]


def _endings(folder: Path, scenario: str, *kinds: str) -> list[Ending]:
    command = [sys.executable, "-m", "tests.staging.kill_matrix", folder / "out", scenario, *kinds]
    environment = {**os.environ, "COLUMNS": "1000"}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert ended.returncode == 0, ended.stderr
    return [Ending(**ending) for ending in json.loads(ended.stdout)]


def _set(files: dict[str, str], scenario: Scenario) -> str:
    return "old" if files == scenario.old else "new" if files == scenario.new else "mixed"


def _is_true(ending: Ending, scenario: Scenario) -> bool:
    """Return whether the message of the run agrees with the files on the disk."""
    raw = _set(ending.raw, scenario)
    if ending.how == "KILL":
        return ending.status == -9 and not ending.message
    if ending.status == 0:
        return raw == "new" and not ending.message
    if ending.status != 1 or not ending.message.startswith("error: ") or "Traceback" in ending.message:
        return False
    if PENDING in ending.message:
        return True
    return raw == (
        "new" if IN_PLACE in ending.message or "the new file is in place" in ending.message else "old"
    )


def _check(folder: Path, scenario_name: str, *kinds: str) -> None:
    scenario = SCENARIOS[scenario_name]
    endings = _endings(folder, scenario_name, *kinds)
    assert len(endings) > 30 * len(kinds)
    for ending in endings:
        assert not ending.problem, ending
        assert _set(ending.then, scenario) in ("old", "new"), ending
        assert ending.after == ending.then, ending
        assert not ending.hidden, ending
        if scenario_name == "recovery":  # it writes no files of its own
            assert "Traceback" not in ending.message, ending
            assert ending.how not in ENDINGS or _set(ending.then, scenario) == "new", ending
        else:
            assert _is_true(ending, scenario), ending


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_run_ended_at_any_operation_leaves_one_set(tmp_path: Path, scenario: str) -> None:
    _check(tmp_path, scenario, *(ENDINGS if scenario == "set" else QUICK_ENDINGS))


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [scenario for scenario in SCENARIOS if scenario != "set"])
def test_a_run_ended_at_any_operation_in_any_way_leaves_one_set(tmp_path: Path, scenario: str) -> None:
    _check(tmp_path, scenario, *(how for how in ENDINGS if how not in QUICK_ENDINGS))


@pytest.mark.parametrize(
    ("scenario", "how"),
    [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in FAILURES],
)
def test_a_failure_of_any_operation_leaves_one_set(tmp_path: Path, scenario: str, how: str) -> None:
    _check(tmp_path, scenario, how)


def test_the_messages_state_which_files_exist(tmp_path: Path) -> None:
    messages = {ending.message.strip() for ending in _endings(tmp_path, "fresh set", "INT twice")}
    assert messages == {f"error: {INTERRUPTED}", f"error: interrupted; {tmp_path / 'out'}: {IN_PLACE}"}
    failures = {ending.message.strip() for ending in _endings(tmp_path, "fresh set", "EACCES lasting")} - {""}
    assert {message.partition("; ")[2][:30] for message in failures} == {
        UNCHANGED[:30],
        "choose another folder",
        "both the new and the old files"[:30],
    }
