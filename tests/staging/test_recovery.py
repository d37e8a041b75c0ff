"""What ended runs left is recovered, and what only looks like it does no harm."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from typer.testing import CliRunner

from posedeploy import manifest
from posedeploy.cli import app
from posedeploy.errors import ManifestError, OutputError
from posedeploy.files import staged, write_text
from posedeploy.staging import journal, recovery
from posedeploy.staging.file_lock import try_lock
from posedeploy.staging.journal import NEW, OLD, REDO, UNDO, Entry, Journal
from posedeploy.staging.reading import reads_one_set
from posedeploy.staging.recovery import WORK_LOCK, recover
from tests.staging.writer import write_artifact


def _files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an old set and a file of the user's."""
    for name in ("a", "b", "gone", "mine"):
        (tmp_path / name).write_text(f"old {name}")
    return tmp_path


def _leave(folder: Path, new: Mapping[str, str], removed: tuple[str, ...] = (), name: str = REDO) -> Path:
    """What a run leaves that is killed as soon as its journal is there."""
    work = folder / ".posedeploy-00000000"
    for part in (NEW, OLD):
        (work / part).mkdir(parents=True)
    for file, text in new.items():
        (work / NEW / file).write_text(text)
    journal.prepare(work, folder, list(new), removed)
    (work / "journal").rename(work / name)
    return work


NEW_SET = {"a": "new a", "b": "new b", "c": "new c"}


def test_a_set_is_completed_by_whoever_opens_the_folder(folder: Path) -> None:
    work = _leave(folder, NEW_SET, ("gone",))
    (work / NEW / "a").replace(folder / "a")
    recover(folder)
    assert _files(folder) == NEW_SET | {"mine": "old mine"}
    assert not work.exists()


def test_a_set_that_was_being_put_back_is_put_back(folder: Path) -> None:
    work = _leave(folder, NEW_SET, ("gone",), UNDO)
    for name in "ac":
        (work / NEW / name).replace(folder / name)
    (folder / "gone").unlink()
    recover(folder)
    assert _files(folder) == {name: f"old {name}" for name in ("a", "b", "gone", "mine")}
    assert not work.exists()


def test_a_file_that_another_program_wrote_meanwhile_is_left_as_it_is(folder: Path) -> None:
    work = _leave(folder, NEW_SET, ("gone",))
    (folder / "b").unlink()
    (folder / "b").write_text("the user's b")
    (folder / "gone").unlink()
    (folder / "gone").write_text("the user's")
    recover(folder)
    assert _files(folder) == NEW_SET | {"b": "the user's b", "gone": "the user's", "mine": "old mine"}
    assert not work.exists()


@pytest.mark.parametrize("name", [REDO, UNDO])
def test_a_journal_from_elsewhere_touches_no_file_of_the_user(folder: Path, name: str) -> None:
    before = _files(folder)
    work = folder / ".posedeploy-evil"
    for part in (NEW, OLD):
        (work / part).mkdir(parents=True)
    (work / NEW / "a").write_text("evil")
    (work / OLD / "mine").write_text("a guess")
    document = Journal([Entry(b"a", False, (1, 2, 3)), Entry(b"b", False, (1, 2, 3))], [b"gone", b"mine"])
    (work / name).write_bytes(msgspec.json.encode(document))
    with pytest.raises(OutputError, match="a: not the file that the journal beside it records; delete "):
        recover(folder)
    assert _files(folder) == before


@pytest.mark.parametrize("name", ["../mine", "/etc/passwd", "..", "", "x/y", "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused(folder: Path, name: str) -> None:
    work = _leave(folder, NEW_SET)
    (work / REDO).write_bytes(msgspec.json.encode(Journal([], [name.encode()])))
    with pytest.raises(OutputError, match=r"redo\.json: damaged \(it names .*\); delete .*posedeploy-0000"):
        recover(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000, b'{"entries": [], "removed": 1}'])
def test_a_damaged_journal_is_refused_and_kept(folder: Path, content: bytes) -> None:
    before = _files(folder)
    work = _leave(folder, NEW_SET)
    (work / REDO).write_bytes(content)
    with pytest.raises(OutputError, match=r"redo\.json: damaged \(.*\); delete "):
        write_text(folder / "next", "")
    assert (work / NEW / "a").exists() and _files(folder) == before


def test_a_named_pipe_as_a_journal_is_refused_at_once(folder: Path) -> None:
    work = folder / ".posedeploy-pipe"
    work.mkdir()
    os.mkfifo(work / REDO)
    with pytest.raises(OutputError, match=r"redo\.json: a named pipe"):
        recover(folder)


@pytest.mark.parametrize("part", [NEW, OLD])
@pytest.mark.parametrize("name", [REDO, UNDO])
def test_a_part_that_is_a_link_moves_no_file_of_another_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, part: str, name: str
) -> None:
    victim = tmp_path_factory.mktemp("victim")
    (victim / "gone").write_text("a secret")
    work = _leave(folder, {}, ("gone",), name)
    (folder / "gone").unlink()
    for inner in (work / part).iterdir():
        inner.unlink()
    (work / part).rmdir()
    (work / part).symlink_to(victim)
    with pytest.raises(OutputError, match=rf"{part}: not a folder of posedeploy; delete "):
        recover(folder)
    assert (victim / "gone").read_text() == "a secret" and not (folder / "gone").exists()


def test_a_new_file_that_the_journal_does_not_record_is_not_put_in_place(folder: Path) -> None:
    work = _leave(folder, NEW_SET)
    (work / NEW / "a").unlink()
    (work / NEW / "a").write_text("something else")
    with pytest.raises(OutputError, match=r"a: not the file that the journal beside it records; delete "):
        recover(folder)
    assert (folder / "a").read_text() == "old a"


def test_a_named_pipe_as_a_lock_is_refused_at_once(folder: Path) -> None:
    work = _leave(folder, NEW_SET)
    os.mkfifo(work / WORK_LOCK)
    with pytest.raises(OutputError, match="Not a regular file"):
        recover(folder)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_permission_learns_what_is_unfinished() -> None:
    with TemporaryDirectory() as name:  # all folders above it may be listed by anyone
        folder = Path(name)
        folder.chmod(0o755)
        _leave(folder, NEW_SET)
        os.seteuid(65534)
        try:
            with pytest.raises(OutputError, match="you may not write here to finish that; ask a user who"):
                recover(folder)
        finally:
            os.seteuid(0)


def test_a_link_that_is_named_like_a_work_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    (folder / ".posedeploy-link").symlink_to(elsewhere, target_is_directory=True)
    recover(folder)
    assert (elsewhere / "kept").read_text() == "kept"


def test_in_a_sticky_folder_only_one_s_own_work_folders_are_recovered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _files(folder)
    work = _leave(folder, NEW_SET)
    folder.chmod(0o1777)
    monkeypatch.setattr(os, "geteuid", lambda: work.stat().st_uid + 1)
    recover(folder)
    assert _files(folder) == before and work.exists()


def _not_allowed(path: Path, purpose: str) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", str(path))


def test_a_reader_that_may_not_write_is_told_what_is_unfinished(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = _leave(folder, NEW_SET)
    lock = try_lock(work / WORK_LOCK)
    assert lock is not None
    lock.release()
    monkeypatch.setattr(recovery, "wait_for_lock", _not_allowed)
    with pytest.raises(OutputError) as refusal:
        recover(folder)
    assert str(refusal.value).startswith(f"{folder}: process {os.getpid()} (")
    assert str(refusal.value).endswith(
        ") was ended while it was replacing files here, and you may not write here to finish that; ask a "
        "user who may to run posedeploy inspect on a file in this folder"
    )


def test_a_reader_that_may_not_write_needs_nothing_where_no_set_is_unfinished(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".posedeploy-00000000" / NEW).mkdir(parents=True)
    monkeypatch.setattr(recovery, "wait_for_lock", _not_allowed)
    recover(folder)


def test_a_reader_that_may_not_write_waits_for_a_live_writer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = _leave(folder, NEW_SET)
    lock = try_lock(work / WORK_LOCK)
    assert lock is not None
    monkeypatch.setattr(recovery, "wait_for_lock", _not_allowed)
    monkeypatch.setattr(recovery, "WAIT_S", 0.05)
    with pytest.raises(OutputError, match=r"process \d+ .* has been replacing files here for over 0\.05 s"):
        recover(folder)
    lock.release()


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

    before = _files(folder)
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(Path, "replace", fails_once)
    try:
        with staged(folder, lambda: ["gone"]) as stage:
            for name, text in NEW_SET.items():
                (stage / name).write_text(text)
    except OutputError as error:
        assert failing and "(Input/output error); nothing was left half-written" in str(error)
    assert _files(folder) == (before if failing else NEW_SET | {"mine": "old mine"})


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
    _leave(folder, {name: "new", "a": "new a"})
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


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """The model of an artifact that is still in the work folder of a killed run, where nothing was before."""
    made, folder = tmp_path / "made", tmp_path / "out"
    write_artifact(made, "content")
    folder.mkdir()
    _leave(folder, {path.name: path.read_text() for path in made.iterdir()})
    assert not (folder / "net.xml").exists()
    return folder / "net.xml"


def test_a_manifest_is_read_of_a_set_that_is_completed_first(unfinished: Path) -> None:
    assert manifest.read(unfinished).files.keys() == {"net.bin", "net.xml"}


def test_every_command_completes_a_set_before_it_looks_at_its_paths(unfinished: Path) -> None:
    result = CliRunner().invoke(app, ["inspect", str(unfinished)])
    assert "no such file" not in result.output
    assert manifest.path_of(unfinished).exists() and not list(unfinished.parent.glob(".posedeploy-*"))


def test_a_reading_that_a_replacing_disturbs_is_repeated(tmp_path: Path) -> None:
    write_artifact(tmp_path, "first")
    readings = []

    @reads_one_set(lambda artifact: (artifact, manifest.path_of(artifact)))
    def read(artifact: Path) -> str:
        readings.append(artifact)
        if len(readings) == 1:
            write_artifact(tmp_path, "second")
            raise ManifestError("the halves of two sets")
        return artifact.read_text()

    assert read(tmp_path / "net.xml") == "second net.xml"
    assert len(readings) == 2


def test_a_reading_that_nothing_disturbs_fails_at_once(tmp_path: Path) -> None:
    write_artifact(tmp_path, "first")
    (tmp_path / "net.bin").write_text("changed")
    with pytest.raises(ManifestError, match=r"net\.bin: its SHA-256 is"):
        manifest.read(tmp_path / "net.xml")
