"""Every way in which a child process can end results in a value or an error."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from posedeploy.errors import ArtifactError, OutputError
from posedeploy.isolation.tasks import ChildFailedError, free_memory, run_task, work_folder
from tests.environments.tiny_environment import have_ended, wait_for

HARMFUL = "tests.support.harmful_tasks"


def _run(task: str, work: Path, time_limit_s: float = 60, **settings: Any) -> Any:
    argument = settings.pop("argument", {})
    return run_task(f"{HARMFUL}:{task}", argument, work, time_limit_s=time_limit_s, **settings)


@pytest.mark.parametrize(
    ("task", "argument", "stage", "reason"),
    [
        ("segfault", {}, "load", "SIGSEGV"),
        ("abort", {}, "load", "SIGABRT; what():  \ufffdno tensor"),
        ("kill", {}, "load", "SIGKILL"),
        ("leave", {}, "load", "exit status 0"),
        ("leave", {"status": 3}, "load", "exit status 3"),
        ("crash_at_exit", {}, "exit", "SIGSEGV"),
    ],
)
def test_a_sudden_end_is_a_crash(
    tmp_path: Path, task: str, argument: dict[str, int], stage: str, reason: str
) -> None:
    with pytest.raises(ChildFailedError) as failure:
        _run(task, tmp_path, argument=argument)
    assert (failure.value.kind, failure.value.stage, failure.value.reason) == ("crash", stage, reason)


@pytest.mark.slow
def test_the_time_limit_ends_the_child_and_its_processes(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(ChildFailedError, match=r"^no end after 20 s$") as failure:
        _run("hang", tmp_path, time_limit_s=20, argument={"pids": str(pids)})
    assert (failure.value.kind, failure.value.stage) == ("time limit", "load")
    assert have_ended([int(pid) for pid in pids.read_text().split()])


def test_the_memory_is_limited(tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError) as failure:
        _run("take_memory", tmp_path, memory_limit=1 << 30)
    assert (failure.value.kind, failure.value.error_type) == ("error", "MemoryError")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_reported(number: int) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot write the files of a check .*; set"),
        work_folder("a check"),
    ):
        raise OSError(number, os.strerror(number))


def test_a_file_that_cannot_be_written_in_a_work_folder_is_reported() -> None:
    with pytest.raises(OutputError, match=r"here \(Is a directory\)"), work_folder("a check") as work:
        work.write_bytes(b"")


def test_an_error_about_another_file_is_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.onnx"), work_folder("a check"):
        (tmp_path / "missing.onnx").read_bytes()


def test_errors_of_posedeploy_are_raised_and_bugs_keep_their_traceback(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"^human\.onnx: ONNX Runtime cannot load it \(no such operator"):
        _run("refuse", tmp_path)
    with pytest.raises(ChildFailedError) as failure:
        _run("fail", tmp_path)
    assert (failure.value.kind, failure.value.error_type) == ("error", "KeyError")
    assert "harmful_tasks.py" in failure.value.__notes__[0]


def test_a_task_that_cannot_be_imported_fails_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError, match=r"no attribute 'none'") as failure:
        _run("none", tmp_path)
    assert failure.value.stage == "start"


def test_any_text_is_returned_unchanged(tmp_path: Path) -> None:
    argument = {"name": "día 漢 \udcff\x1b\x00\n", "number": 2**80, "negative": -1}
    assert _run("echo", tmp_path, argument=argument) == argument


def test_ctrl_c_ends_the_child_and_its_processes(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
from pathlib import Path
from posedeploy.isolation.tasks import run_task
argument = {{"pids": {str(pids)!r}}}
run_task("{HARMFUL}:hang", argument, Path({str(tmp_path)!r}), time_limit_s=600)
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, stderr=subprocess.PIPE, text=True) as ours:
        wait_for(pids)
        ours.send_signal(signal.SIGINT)
        _, errors = ours.communicate(timeout=60)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert have_ended([int(pid) for pid in pids.read_text().split()])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_the_child_of_a_killed_parent_ends_and_the_next_task_deletes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids, folders = tmp_path / "pids", tmp_path / "temporary"
    folders.mkdir()
    monkeypatch.setenv("TMPDIR", str(folders))
    monkeypatch.setattr("tempfile.tempdir", str(folders))
    code = f"""
from posedeploy.isolation.tasks import run_task, work_folder
with work_folder("a check") as work:
    run_task("{HARMFUL}:hang", {{"pids": {str(pids)!r}, "group": True}}, work, time_limit_s=600)
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root) as ours:
        wait_for(pids)
        (abandoned,) = folders.iterdir()
        os.utime(abandoned, (0, 0))
        with work_folder("another check"):
            assert abandoned.is_dir(), "its process lives"
        ours.kill()
    assert have_ended([int(pid) for pid in pids.read_text().split()])
    os.utime(abandoned, (0, 0))
    foreign = folders / "posedeploy-of-another-program"
    foreign.mkdir()
    os.utime(foreign, (0, 0))
    with work_folder("another check"):
        assert not abandoned.exists()
    assert list(folders.iterdir()) == [foreign]


@pytest.mark.parametrize(
    ("limit", "low", "high"), [("3000", 2100, 2100), ("500", 0, 0), ("max", 1 << 20, 1 << 62)]
)
def test_free_memory_depends_on_the_limits_of_the_container(
    limit: str, low: int, high: int, tmp_path: Path
) -> None:
    (tmp_path / "memory.current").write_text("1000\n")
    (tmp_path / "memory.stat").write_text("anon 500\nfile 400\n")
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    assert low <= free_memory(tmp_path) <= high
