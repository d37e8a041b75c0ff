"""Readers wait for a set that is being replaced, and complete one that was not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from posedeploy import manifest
from posedeploy.cli import app
from posedeploy.errors import ManifestError, OutputError
from posedeploy.staging import recovery
from posedeploy.staging.file_lock import try_lock
from posedeploy.staging.journal import NEW
from posedeploy.staging.reading import read_consistently
from posedeploy.staging.recovery import WORK_LOCK, recover
from tests.staging.recovery_folders import NEW_SET, leave_unfinished
from tests.staging.writer import write_artifact


def _deny(path: Path, purpose: str) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", str(path))


def test_a_reader_without_permission_to_write_gets_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = leave_unfinished(folder, NEW_SET)
    lock = try_lock(work / WORK_LOCK)
    assert lock is not None
    lock.release()
    monkeypatch.setattr(recovery, "wait_for_lock", _deny)
    with pytest.raises(OutputError) as refusal:
        recover(folder)
    assert str(refusal.value).startswith(f"{folder}: process {os.getpid()} (")
    assert str(refusal.value).endswith(
        ") was ended while it was replacing files here, and you have no write permission to complete it; "
        "ask a user with write permission to run `posedeploy inspect` on a file in this folder"
    )


def test_a_reader_without_permission_to_write_may_read_a_finished_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".posedeploy-00000000" / NEW).mkdir(parents=True)
    monkeypatch.setattr(recovery, "wait_for_lock", _deny)
    recover(folder)


def test_a_reader_without_permission_to_write_waits_for_a_writer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = leave_unfinished(folder, NEW_SET)
    lock = try_lock(work / WORK_LOCK)
    assert lock is not None
    monkeypatch.setattr(recovery, "wait_for_lock", _deny)
    monkeypatch.setattr(recovery, "WAIT_S", 0.05)
    with pytest.raises(OutputError, match=r"process \d+ .* has been replacing files here for over 0\.05 s"):
        recover(folder)
    lock.release()


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """The path of a new artifact whose files are still in the work folder of a killed run."""
    written, folder = tmp_path / "made", tmp_path / "out"
    write_artifact(written, "content")
    folder.mkdir()
    leave_unfinished(folder, {path.name: path.read_text() for path in written.iterdir()})
    assert not (folder / "net.xml").exists()
    return folder / "net.xml"


def test_reading_a_manifest_completes_its_set(unfinished: Path) -> None:
    assert manifest.read(unfinished).files.keys() == {"net.bin", "net.xml"}


def test_a_command_completes_a_set_before_it_checks_its_paths(unfinished: Path) -> None:
    result = CliRunner().invoke(app, ["inspect", str(unfinished)])
    assert "no such file" not in result.output
    assert manifest.path_of(unfinished).exists() and not list(unfinished.parent.glob(".posedeploy-*"))


def test_a_read_during_a_replacement_is_repeated(tmp_path: Path) -> None:
    write_artifact(tmp_path, "first")
    readings = []

    @read_consistently(lambda artifact: (artifact, manifest.path_of(artifact)))
    def read(artifact: Path) -> str:
        readings.append(artifact)
        if len(readings) == 1:
            write_artifact(tmp_path, "second")
            raise ManifestError("the halves of two sets")
        return artifact.read_text()

    assert read(tmp_path / "net.xml") == "second net.xml"
    assert len(readings) == 2


def test_a_read_of_damaged_files_fails_at_once(tmp_path: Path) -> None:
    write_artifact(tmp_path, "first")
    (tmp_path / "net.bin").write_text("changed")
    with pytest.raises(ManifestError, match=r"net\.bin: its SHA-256 is"):
        manifest.read(tmp_path / "net.xml")
