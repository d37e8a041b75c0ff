from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from posedeploy.checkpoints.reader import read
from posedeploy.errors import ArtifactError, CheckpointError, InputError
from posedeploy.file_states import hash_file
from posedeploy.input_files import check_regular, read_bytes


def test_regular_files_and_links_to_them_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert check_regular(tmp_path / "b", "a test").st_size == 3
    assert read_bytes(tmp_path / "b", "a test", 3) == b"abc"
    with pytest.raises(InputError, match=r"a: 3 bytes, but a test may have at most 2; pass a smaller file"):
        read_bytes(tmp_path / "a", "a test", 2)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("folder", "a folder, which posedeploy does not read; pass a test saved as a regular file"),
        ("pipe", "a named pipe, which"),
        ("socket", "a socket, which"),
        ("device", "a character device, which"),
        ("loop", "cannot be read (Too many levels of symbolic links); pass a test"),
        ("long", "cannot be read (File name too long); pass a test"),
        ("nothing", "no such file; pass a test"),
    ],
)
def test_other_files_are_refused_without_opening_them(
    kind: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket may have 107 bytes
    path = Path("a")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("a")
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "long":
        path = Path("a" * 300)
    with pytest.raises(ArtifactError, match="^" + re.escape(f"{path}: {message}")):
        read_bytes(path, "a test", error=ArtifactError)


@pytest.mark.parametrize(("name", "shown"), [("a\0b", r"a\x00b"), ("a\ud800", r"a\ud800")])
def test_an_impossible_file_name_is_refused(name: str, shown: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"{shown}: not a valid file name (")):
        check_regular(Path(name), "a test")


ENDLESS = Path("/proc/self/pagemap")
"""A regular file with a size of 0, from which 256 GB can be read."""


@pytest.mark.skipif(not ENDLESS.exists(), reason="only Linux has such a file")
def test_an_endless_file_is_refused() -> None:
    with pytest.raises(InputError, match="more bytes than its size, but a test may have at most 0; pass"):
        read_bytes(ENDLESS, "a test")
    for path, reason in ((ENDLESS, "Invalid argument"), ("/proc/version", "it has more bytes than its size")):
        with pytest.raises(CheckpointError, match=rf"cannot be read \({reason}\)"):
            read(Path(path))
        with pytest.raises(OSError, match="it has more bytes than its size"):
            hash_file(Path(path))
