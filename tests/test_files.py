from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from posedeploy.errors import OutputError
from posedeploy.files import sha256, staged, write_text


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_hash_depends_on_the_content_only(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_files_appear_together_when_the_block_ends(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with staged(tmp_path) as stage:
        (stage / "a").write_text("new")
        (stage / "b").write_text("new")
        assert (tmp_path / "a").read_text() == "old"
        assert not (tmp_path / "b").exists()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "new"}


def test_outdated_files_are_removed_with_the_replacement(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text("old")
    with staged(tmp_path, lambda: ["a", "b", "never there"]) as stage:
        (stage / "a").write_text("new")
        assert _names(tmp_path) > {"a", "b", "c"}
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "c": "old"}


def test_outdated_files_are_kept_if_the_replacement_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / name).write_text("old")
    replace = Path.replace

    def full(path: Path, target: Path) -> Path:
        if path.parent.name == "new" and path.name == "c":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with (
        pytest.raises(OutputError, match="the existing files are unchanged"),
        staged(tmp_path, lambda: ["b"]) as stage,
    ):
        for name in "ac":
            (stage / name).write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old", "b": "old"}


def test_missing_folders_are_created(tmp_path: Path) -> None:
    write_text(tmp_path / "x" / "y" / "a.txt", "grüße")
    assert (tmp_path / "x" / "y" / "a.txt").read_text(encoding="utf-8") == "grüße"


def test_a_new_file_has_the_default_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "staged", "")
    assert (tmp_path / "staged").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit, ValueError, MemoryError])
def test_existing_files_are_unchanged_after_any_exception(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(failure), staged(tmp_path) as stage:
        (stage / "a").write_text("half")
        raise failure
    assert _names(tmp_path) == {"a"}
    assert (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("relative", [True, False], ids=["relative", "absolute"])
def test_a_full_disk_is_an_output_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("out") if relative else tmp_path / "out"
    with (
        pytest.raises(
            OutputError,
            match=f"^{folder}: writing failed .No space left on device.; no partial files were left",
        ),
        staged(folder) as stage,
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(stage / "a"))
    assert not folder.exists()


def test_an_error_about_another_file_is_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), staged(tmp_path / "out"):
        (tmp_path / "elsewhere").read_bytes()
    assert not (tmp_path / "out").exists()


def test_an_error_that_is_not_about_writing_is_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError), staged(tmp_path):
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def test_a_full_disk_is_recognized_without_a_file_name(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left on device"), staged(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("failure", [OSError(errno.EACCES, "Permission denied"), KeyboardInterrupt()])
def test_a_failed_replacement_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "c").write_text("old")
    replace = Path.replace

    def breaking(self: Path, target: Path) -> Path:
        if self.read_text() == "new c":
            raise failure
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", breaking)
    with pytest.raises((OutputError, KeyboardInterrupt)), staged(tmp_path) as stage:
        for name in ("a", "b", "c"):
            (stage / name).write_text(f"new {name}")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old", "c": "old"}


def test_a_failed_block_removes_only_the_folders_that_it_created(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(ValueError), staged(tmp_path / "x" / "y" / "z"):
        raise ValueError
    assert [path.name for path in tmp_path.rglob("*")] == ["x"]


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/posedeploy"])
def test_a_folder_that_cannot_be_created_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write here \(.+\); choose another folder"):
        write_text(tmp_path / folder / "a.txt", "")


def test_a_folder_in_the_way_is_refused_before_any_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputError, match="b: a folder is in the way"), staged(tmp_path) as stage:
        (stage / "a").write_text("new")
        (stage / "b").write_text("new")
    assert (tmp_path / "a").read_text() == "old"
    assert _names(tmp_path) == {"a", "b"}
