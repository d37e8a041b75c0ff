"""The files of killed and failed runs are put in place or put back."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from posedeploy.errors import OutputError
from posedeploy.files import staged, write_text
from posedeploy.staging.journal import NEW, UNDO
from posedeploy.staging.recovery import recover
from tests.staging.recovery_folders import NEW_SET, files_in, leave_unfinished


def test_an_unfinished_set_is_completed(folder: Path) -> None:
    work = leave_unfinished(folder, NEW_SET, ("gone",))
    (work / NEW / "a").replace(folder / "a")
    recover(folder)
    assert files_in(folder) == NEW_SET | {"mine": "old mine"}
    assert not work.exists()


def test_a_set_that_was_being_restored_is_restored(folder: Path) -> None:
    work = leave_unfinished(folder, NEW_SET, ("gone",), UNDO)
    for name in "ac":
        (work / NEW / name).replace(folder / name)
    (folder / "gone").unlink()
    recover(folder)
    assert files_in(folder) == {name: f"old {name}" for name in ("a", "b", "gone", "mine")}
    assert not work.exists()


def test_files_that_another_program_wrote_stay(folder: Path) -> None:
    work = leave_unfinished(folder, NEW_SET, ("gone",))
    (folder / "b").unlink()
    (folder / "b").write_text("the user's b")
    (folder / "gone").unlink()
    (folder / "gone").write_text("the user's")
    recover(folder)
    assert files_in(folder) == NEW_SET | {"b": "the user's b", "gone": "the user's", "mine": "old mine"}
    assert not work.exists()


def test_a_file_that_the_journal_does_not_record_is_refused(folder: Path) -> None:
    work = leave_unfinished(folder, NEW_SET)
    (work / NEW / "a").unlink()
    (work / NEW / "a").write_text("something else")
    with pytest.raises(OutputError, match=r"a: not the file that the journal records; delete "):
        recover(folder)
    assert (folder / "a").read_text() == "old a"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_permission_gets_an_error() -> None:
    with TemporaryDirectory() as name:  # all folders above it may be listed by anyone
        folder = Path(name)
        folder.chmod(0o755)
        leave_unfinished(folder, NEW_SET)
        os.seteuid(65534)
        try:
            with pytest.raises(OutputError, match="you have no write permission to complete it; ask a user"):
                recover(folder)
        finally:
            os.seteuid(0)


def test_a_sticky_folder_recovers_own_work_folders_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_in(folder)
    work = leave_unfinished(folder, NEW_SET)
    folder.chmod(0o1777)
    monkeypatch.setattr(os, "geteuid", lambda: work.stat().st_uid + 1)
    recover(folder)
    assert files_in(folder) == before and work.exists()


@pytest.mark.parametrize("failing", [False, True])
def test_a_file_system_without_hard_links_gets_copies(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: bool
) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted", str(source))

    replace = Path.replace

    def fails_once(path: Path, target: Path) -> Path:
        if path.parent.name == NEW and path.name == "b" and failing:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return replace(path, target)

    before = files_in(folder)
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(Path, "replace", fails_once)
    try:
        with staged(folder, lambda: ["gone"]) as stage:
            for name, text in NEW_SET.items():
                (stage / name).write_text(text)
    except OutputError as error:
        assert failing and "(Input/output error); no partial files were left" in str(error)
    assert files_in(folder) == (before if failing else NEW_SET | {"mine": "old mine"})


def test_links_are_replaced_and_put_back_as_links(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "target").write_text("target")
    (folder / "a").unlink()
    (folder / "a").symlink_to("target")
    replace = Path.replace

    def fails(path: Path, target: Path) -> Path:
        if path.parent.name == NEW and path.name == "b":
            raise OSError(errno.EIO, "Input/output error", str(path))
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails)
        with pytest.raises(OutputError), staged(folder) as stage:
            for name, text in NEW_SET.items():
                (stage / name).write_text(text)
    assert (folder / "a").readlink() == Path("target")
    with staged(folder) as stage:
        for name, text in NEW_SET.items():
            (stage / name).write_text(text)
    assert not (folder / "a").is_symlink() and (folder / "target").read_text() == "target"


def test_names_that_are_not_utf_8_are_recovered(folder: Path) -> None:
    name = os.fsdecode(b"\xe9\xff.jpg")
    leave_unfinished(folder, {name: "new", "a": "new a"})
    recover(folder)
    assert (folder / name).read_text() == "new"


def test_folders_without_locks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(OutputError, match=r"cannot write here \(its file system has no file locks: No locks"):
        write_text(tmp_path / "out" / "a", "")
    assert not (tmp_path / "out" / "a").exists()
