"""Journals, work folders, links and pipes that posedeploy did not write move no file of the user."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from posedeploy.errors import OutputError
from posedeploy.files import write_text
from posedeploy.staging.journal import NEW, OLD, REDO, UNDO, Journal, JournalEntry
from posedeploy.staging.recovery import WORK_LOCK, recover
from tests.staging.recovery_folders import NEW_SET, files_in, leave_unfinished


@pytest.mark.parametrize("name", [REDO, UNDO])
def test_a_foreign_journal_changes_no_file(folder: Path, name: str) -> None:
    before = files_in(folder)
    work = folder / ".posedeploy-evil"
    for part in (NEW, OLD):
        (work / part).mkdir(parents=True)
    (work / NEW / "a").write_text("evil")
    (work / OLD / "mine").write_text("a guess")
    document = Journal(
        [JournalEntry(b"a", False, (1, 2, 3)), JournalEntry(b"b", False, (1, 2, 3))], [b"gone", b"mine"]
    )
    (work / name).write_bytes(msgspec.json.encode(document))
    with pytest.raises(OutputError, match="a: not the file that the journal records; delete "):
        recover(folder)
    assert files_in(folder) == before


@pytest.mark.parametrize("name", ["../mine", "/etc/passwd", "..", "", "x/y", "a\0b"])
def test_a_name_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    work = leave_unfinished(folder, NEW_SET)
    (work / REDO).write_bytes(msgspec.json.encode(Journal([], [name.encode()])))
    with pytest.raises(
        OutputError, match=r"redo\.json: damaged \(invalid file name .*\); delete .*posedeploy-00"
    ):
        recover(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000, b'{"entries": [], "removed": 1}'])
def test_a_damaged_journal_is_refused_and_kept(folder: Path, content: bytes) -> None:
    before = files_in(folder)
    work = leave_unfinished(folder, NEW_SET)
    (work / REDO).write_bytes(content)
    with pytest.raises(OutputError, match=r"redo\.json: damaged \(.*\); delete "):
        write_text(folder / "next", "")
    assert (work / NEW / "a").exists() and files_in(folder) == before


def test_a_named_pipe_as_a_journal_is_refused_at_once(folder: Path) -> None:
    work = folder / ".posedeploy-pipe"
    work.mkdir()
    os.mkfifo(work / REDO)
    with pytest.raises(OutputError, match=r"redo\.json: a named pipe"):
        recover(folder)


@pytest.mark.parametrize("part", [NEW, OLD])
@pytest.mark.parametrize("name", [REDO, UNDO])
def test_a_linked_part_moves_no_file_of_another_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, part: str, name: str
) -> None:
    victim = tmp_path_factory.mktemp("victim")
    (victim / "gone").write_text("a secret")
    work = leave_unfinished(folder, {}, ("gone",), name)
    (folder / "gone").unlink()
    for inner in (work / part).iterdir():
        inner.unlink()
    (work / part).rmdir()
    (work / part).symlink_to(victim)
    with pytest.raises(OutputError, match=rf"{part}: not a folder of posedeploy; delete "):
        recover(folder)
    assert (victim / "gone").read_text() == "a secret" and not (folder / "gone").exists()


def test_a_named_pipe_as_a_lock_is_refused_at_once(folder: Path) -> None:
    work = leave_unfinished(folder, NEW_SET)
    os.mkfifo(work / WORK_LOCK)
    with pytest.raises(OutputError, match="Not a regular file"):
        recover(folder)


def test_a_link_named_like_a_work_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    (folder / ".posedeploy-link").symlink_to(elsewhere, target_is_directory=True)
    recover(folder)
    assert (elsewhere / "kept").read_text() == "kept"
