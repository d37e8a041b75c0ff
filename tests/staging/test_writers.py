"""Concurrent writers and readers in one folder: the files of a set are always of one writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from posedeploy import manifest
from posedeploy.errors import OutputError
from posedeploy.files import staged, write_text
from posedeploy.staging import file_lock
from posedeploy.staging.file_lock import is_held, try_lock
from posedeploy.staging.recovery import FOLDER_LOCK, PREFIX, WORK_LOCK
from tests.staging.writer import write_artifact

ROOT = Path(__file__).parents[2]


def _hidden(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.startswith(PREFIX))


def _writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.staging.writer", folder, name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def _check_set(folder: Path) -> str:
    """Check the artifact's hashes and return that of ``net.xml``."""
    artifact = manifest.read(folder / "net.xml")
    assert artifact.files.keys() == {"net.xml", "net.bin"}
    return artifact.files["net.xml"]


def test_reads_are_consistent_while_two_processes_replace_an_artifact(tmp_path: Path) -> None:
    write_artifact(tmp_path, "first")
    writers = [_writer(tmp_path, name, 40) for name in ("a", "b")]
    hashes = set()
    while any(writer.poll() is None for writer in writers):
        hashes.add(_check_set(tmp_path))
    assert [writer.communicate()[1] for writer in writers] == ["", ""]
    hashes.add(_check_set(tmp_path))
    assert len(hashes) > 3, "several sets were read"
    assert {(tmp_path / name).read_text().rpartition(" ")[0] for name in ("net.xml", "net.bin")} <= {
        "a 39",
        "b 39",
    }
    assert (tmp_path / "net.xml").read_text()[:4] == (tmp_path / "net.bin").read_text()[:4]
    assert not _hidden(tmp_path)


def test_threads_of_one_process_take_turns(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(5):
            with staged(tmp_path) as stage:
                for name in "abc":
                    (stage / name).write_text(str(number))
            write_text(tmp_path / f"{number}.txt", "whole")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len({(tmp_path / name).read_text() for name in "abc"}) == 1
    assert not _hidden(tmp_path)


def test_the_error_for_a_locked_folder_names_the_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"""
import sys, time
from pathlib import Path
from posedeploy.staging.file_lock import try_lock
sys.argv = ["/usr/bin/posedeploy", "export", "secret"]
lock = try_lock(Path({str(tmp_path / FOLDER_LOCK)!r}))
print("locked", flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        monkeypatch.setattr(file_lock, "WAIT_S", 0.05)
        with pytest.raises(OutputError) as refusal:
            write_text(tmp_path / "a", "")
        holder.kill()
    message = str(refusal.value)
    assert message.startswith(f"{tmp_path}: process {holder.pid} (posedeploy export, since 20")
    assert message.endswith(
        ") has been replacing files here for over 0.05 s; end it, or wait until it ends, and run the command "
        "again"
    )
    write_text(tmp_path / "a", "")  # the end of the holder released the lock
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_only_work_folders_of_ended_runs_are_deleted(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from posedeploy.files import staged
with staged(Path({str(tmp_path)!r})) as stage:
    (stage / "big").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    with staged(tmp_path) as stage:
        (stage / "mine").write_text("mine")
        assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
        assert len(_hidden(tmp_path)) == 2
        write_text(tmp_path / "other", "")
        assert _hidden(tmp_path) == [stage.parent]
        assert is_held(stage.parent / WORK_LOCK)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "other"]


def test_a_forked_child_neither_holds_the_lock_nor_deletes_its_parents_files(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        with staged(tmp_path) as stage:
            (stage / "a").write_text("parent")
            child = os.fork()
            if child == 0:
                raise SystemExit  # leaves the ``with`` block in the child
            os.waitpid(child, 0)
            sleeper = os.fork()
            if sleeper == 0:
                os.read(reading, 1)
                os._exit(0)
    except SystemExit:
        os._exit(0)
    try:
        assert (tmp_path / "a").read_text() == "parent"
        lock = try_lock(tmp_path / FOLDER_LOCK)
        assert lock is not None
        with lock:
            pass
        assert not _hidden(tmp_path)
    finally:
        os.write(writing, b"x")
        os.waitpid(sleeper, 0)


def test_a_forked_child_can_write_in_its_own_block(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        (stage / "a").write_text("parent")
        child = os.fork()
        if child == 0:
            try:
                with staged(tmp_path) as own:
                    (own / "b").write_text("child")
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "parent", "b": "child"}


def test_waiting_for_a_lock_can_be_interrupted(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / FOLDER_LOCK)
    assert lock is not None
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    with lock:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            write_text(tmp_path / "a", "")
    timer.join()
    assert not list(tmp_path.iterdir())


def test_a_waiting_writer_gets_a_released_lock(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / FOLDER_LOCK)
    assert lock is not None
    with ThreadPoolExecutor(1) as pool:
        with lock:
            written = pool.submit(write_text, tmp_path / "a", "text")
            time.sleep(0.05)
            assert not (tmp_path / "a").exists()
        written.result()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
