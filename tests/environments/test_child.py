"""The child process: what goes in, what comes out, and every way in which it can go wrong."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from posedeploy.environments.child import ask
from posedeploy.environments.state import folder_of
from posedeploy.environments.table import Toolchain
from posedeploy.errors import ToolchainFailed
from tests.environments.chains import all_gone, wait_for

ROOT = Path(__file__).parents[2]


def _asked(
    chain: Toolchain, folder: Path, task: str, limit_s: float = 600, **more: object
) -> dict[str, object]:
    return ask(folder_of(chain), chain, {"task": task, **more}, folder, limit_s)


def _failure(
    chain: Toolchain, folder: Path, task: str, limit_s: float = 600, **more: object
) -> ToolchainFailed:
    with pytest.raises(ToolchainFailed) as caught:
        _asked(chain, folder, task, limit_s, **more)
    assert caught.value.toolchain == "tiny"
    return caught.value


def test_a_request_goes_in_and_its_answer_comes_out_whatever_is_printed(
    chain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    before = sorted(tmp_path.iterdir())
    answer = _asked(chain, tmp_path, "echo", text="día\n€ " + "x" * 200_000)
    assert answer["request"] == {"task": "echo", "text": "día\n€ " + "x" * 200_000}
    assert Path(str(answer["python"])).parent.parent == folder_of(chain)
    assert str(ROOT) not in answer["path"]  # type: ignore[operator]
    assert answer["environment"]["TINY"] == "yes"  # type: ignore[index]
    assert Path(str(answer["cwd"])).parent == tmp_path
    assert answer["stdin"] == ""
    assert sorted(tmp_path.iterdir()) == before, "nothing of the work is left"


def test_a_traceback_is_kept_and_its_last_line_told(chain: Toolchain, tmp_path: Path) -> None:
    failure = _failure(chain, tmp_path, "fail")
    assert str(failure) == "tiny failed: ValueError: the operator Fancy is not known: é"
    assert "on the way to line 3" in failure.log
    assert "Traceback" in failure.log


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("leave", "tiny ended well and answered '', not a JSON object"),
        ("lists", "tiny ended well and answered '[1, 2]', not a JSON object"),
        ("crash", "tiny was ended by signal 9 (it said nothing); where it is 9, there was most likely not"),
        ("network", "tiny failed: OSError: example.org was asked for: a toolchain works without a network"),
        ("address", "tiny failed: OSError: 127.0.0.1 was asked for: a toolchain works without a network"),
    ],
)
def test_what_gives_no_answer_is_told(chain: Toolchain, tmp_path: Path, task: str, told: str) -> None:
    assert str(_failure(chain, tmp_path, task)).startswith(told)


def test_rubbish_in_place_of_an_answer_is_told(
    chain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rubbish = tmp_path / "rubbish.py"
    rubbish.write_text("import sys; print('\\x00hello' * 20); print('a remark', file=sys.stderr)")
    monkeypatch.setattr("posedeploy.environments.child.HARNESS", rubbish)
    failure = _failure(chain, tmp_path, "start")
    assert str(failure).startswith("tiny ended well and answered '\\x00hello\\x00hello")
    assert str(failure).endswith("'..., not a JSON object")
    assert failure.log == "a remark\n"


def test_a_python_that_does_not_start_is_told(chain: Toolchain, tmp_path: Path) -> None:
    python = folder_of(chain) / "bin" / "python"
    python.unlink()
    assert str(_failure(chain, tmp_path, "start")) == (
        f"{python} cannot be started (No such file or directory)"
    )


def test_a_time_limit_ends_it_with_all_that_it_started(chain: Toolchain, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    failure = _failure(chain, tmp_path, "sleep", 20, pids=str(pids))
    assert str(failure) == ("tiny was not done after 20 s and was ended; give it longer with `time_limit`")
    assert "sleeping" in failure.log
    assert all_gone([int(pid) for pid in pids.read_text().split()])


def test_ctrl_c_ends_it_with_all_that_it_started(chain: Toolchain, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with _asking(chain, tmp_path, pids) as asking:
        wait_for(pids)
        asking.send_signal(signal.SIGINT)
        _, errors = asking.communicate(timeout=60)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert all_gone([int(pid) for pid in pids.read_text().split()])
    assert not list(tmp_path.glob("tiny-*"))


def test_it_ends_when_the_one_who_asked_is_killed(chain: Toolchain, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with _asking(chain, tmp_path, pids) as asking:
        wait_for(pids)
        asking.kill()
        asking.communicate(timeout=60)
    assert all_gone([int(pid) for pid in pids.read_text().split()])


def _asking(chain: Toolchain, folder: Path, pids: Path) -> subprocess.Popen[str]:
    """Another process that asks, since ours has libraries in it that take signals for themselves."""
    code = f"""
from pathlib import Path
from posedeploy.environments.child import ask
from tests.environments.chains import tiny
folder = Path({str(folder)!r})
ask(Path({str(folder_of(chain))!r}), tiny(folder), {{"task": "sleep", "pids": {str(pids)!r}}}, folder)
"""
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)
