"""Requests to a child process, its responses, and its failures."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from posedeploy.environments.child import run_request
from posedeploy.environments.environment_specs import EnvironmentSpec
from posedeploy.environments.state import folder_of
from posedeploy.errors import IsolatedProgramError
from tests.environments.tiny_environment import have_ended, wait_for

ROOT = Path(__file__).parents[2]


def _response(
    installed: EnvironmentSpec, folder: Path, task: str, limit_s: float = 600, **more: object
) -> dict[str, object]:
    return run_request(folder_of(installed), installed, {"task": task, **more}, folder, limit_s)


def _failure(
    installed: EnvironmentSpec, folder: Path, task: str, limit_s: float = 600, **more: object
) -> IsolatedProgramError:
    with pytest.raises(IsolatedProgramError) as caught:
        _response(installed, folder, task, limit_s, **more)
    assert caught.value.environment == "tiny"
    return caught.value


def test_output_of_the_script_does_not_change_its_response(
    installed: EnvironmentSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    before = sorted(tmp_path.iterdir())
    answer = _response(installed, tmp_path, "echo", text="día\n€ " + "x" * 200_000)
    assert answer["request"] == {"task": "echo", "text": "día\n€ " + "x" * 200_000}
    assert Path(str(answer["python"])).parent.parent == folder_of(installed)
    assert str(ROOT) not in answer["path"]  # type: ignore[operator]
    assert answer["environment"]["TINY"] == "yes"  # type: ignore[index]
    assert Path(str(answer["cwd"])).parent == tmp_path
    assert answer["stdin"] == ""
    assert sorted(tmp_path.iterdir()) == before, "the work folder is deleted"


def test_the_last_line_of_a_traceback_is_reported_and_all_of_it_logged(
    installed: EnvironmentSpec, tmp_path: Path
) -> None:
    failure = _failure(installed, tmp_path, "fail")
    assert str(failure) == "tiny failed: ValueError: the operator Fancy is not known: é"
    assert "on the way to line 3" in failure.log
    assert "Traceback" in failure.log


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("leave", "tiny exited with status 0 but returned '', expected a JSON object"),
        ("lists", "tiny exited with status 0 but returned '[1, 2]', expected a JSON object"),
        ("crash", "tiny was ended by signal 9 (no output); the machine probably ran out of memory"),
        ("network", "tiny failed: OSError: connection to example.org refused: isolated environments run"),
        ("address", "tiny failed: OSError: connection to 127.0.0.1 refused: isolated environments run"),
    ],
)
def test_a_missing_response_is_reported(
    installed: EnvironmentSpec, tmp_path: Path, task: str, message: str
) -> None:
    assert str(_failure(installed, tmp_path, task)).startswith(message)


def test_a_response_that_is_not_json_is_reported(
    installed: EnvironmentSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_json = tmp_path / "not_json.py"
    not_json.write_text("import sys; print('\\x00hello' * 20); print('a warning', file=sys.stderr)")
    monkeypatch.setattr("posedeploy.environments.child.HARNESS", not_json)
    failure = _failure(installed, tmp_path, "start")
    assert str(failure).startswith("tiny exited with status 0 but returned '\\x00hello\\x00hello")
    assert str(failure).endswith("'..., expected a JSON object")
    assert failure.log == "a warning\n"


def test_a_missing_python_is_reported(installed: EnvironmentSpec, tmp_path: Path) -> None:
    python = folder_of(installed) / "bin" / "python"
    python.unlink()
    assert str(_failure(installed, tmp_path, "start")) == (
        f"{python} cannot be started (No such file or directory)"
    )


@pytest.mark.slow
def test_a_time_limit_ends_the_process_and_its_children(installed: EnvironmentSpec, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    failure = _failure(installed, tmp_path, "sleep", 20, pids=str(pids))
    assert str(failure) == ("tiny did not finish within 20 s; increase `time_limit`")
    assert "sleeping" in failure.log
    assert have_ended([int(pid) for pid in pids.read_text().split()])


def test_ctrl_c_ends_the_process_and_its_children(installed: EnvironmentSpec, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with _start_request(installed, tmp_path, pids) as parent:
        wait_for(pids)
        parent.send_signal(signal.SIGINT)
        _, errors = parent.communicate(timeout=60)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert have_ended([int(pid) for pid in pids.read_text().split()])
    assert not list(tmp_path.glob("tiny-*"))


def test_the_process_ends_when_its_parent_is_killed(installed: EnvironmentSpec, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with _start_request(installed, tmp_path, pids) as parent:
        wait_for(pids)
        parent.kill()
        parent.communicate(timeout=60)
    assert have_ended([int(pid) for pid in pids.read_text().split()])


def _start_request(installed: EnvironmentSpec, folder: Path, pids: Path) -> subprocess.Popen[str]:
    """Send a request from another process: libraries in this one handle signals themselves."""
    code = f"""
from pathlib import Path
from posedeploy.environments.child import run_request
from tests.environments.tiny_environment import tiny
folder = Path({str(folder)!r})
run_request(Path({str(folder_of(installed))!r}), tiny(folder), {{"task": "sleep", "pids": {str(pids)!r}}},
folder)
"""
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)
