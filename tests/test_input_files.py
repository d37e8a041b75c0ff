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


def test_a_regular_file_is_read_through_links_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert check_regular(tmp_path / "b", "a test").st_size == 3
    assert read_bytes(tmp_path / "b", "a test", 3) == b"abc"
    with pytest.raises(InputError, match=r"a: 3 bytes, and a test may have 2; name a smaller file"):
        read_bytes(tmp_path / "a", "a test", 2)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("folder", "a folder, which posedeploy does not read; name a test saved as a regular file"),
        ("pipe", "a named pipe, which"),
        ("socket", "a socket, which"),
        ("device", "a character device, which"),
        ("loop", "cannot be read (Too many levels of symbolic links); name a test"),
        ("long", "cannot be read (File name too long); name a test"),
        ("nothing", "no such file; name a test"),
    ],
)
def test_what_is_not_a_regular_file_is_refused_unopened(
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
def test_what_no_file_can_be_called_is_refused(name: str, shown: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"{shown}: not a valid file name (")):
        check_regular(Path(name), "a test")


ENDLESS = Path("/proc/self/pagemap")
"""A regular file of 0 bytes by its status, which has 256 GB to read."""


@pytest.mark.skipif(not ENDLESS.exists(), reason="only Linux has such a file")
def test_a_file_without_an_end_is_not_read() -> None:
    with pytest.raises(InputError, match="more bytes than its size, and a test may have 0; name a smaller"):
        read_bytes(ENDLESS, "a test")
    for path, reason in ((ENDLESS, "Invalid argument"), ("/proc/version", "it has more bytes than its size")):
        with pytest.raises(CheckpointError, match=rf"cannot be read \({reason}\)"):
            read(Path(path))
        with pytest.raises(OSError, match="it has more bytes than its size"):
            hash_file(Path(path))
