"""The address, the hash and the files of a download."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from posedeploy.checkpoints.fetch import fetch
from posedeploy.errors import DownloadError, PoseDeployError
from tests.checkpoints.scripted_server import (
    CONTENT,
    ETAG,
    GOOD,
    RECEIVED,
    WHOLE,
    file_names,
    http_response,
    serving,
)


@pytest.mark.parametrize("name", ["human.pth.part", "human.pth.part.etag"])
@pytest.mark.parametrize("kind", ["symlink", "dangling", "hard link", "folder", "FIFO"])
def test_nothing_is_written_through_a_link(tmp_path: Path, name: str, kind: str) -> None:
    folder, victim = tmp_path / "checkpoints", tmp_path / "victim"
    folder.mkdir()
    victim.write_bytes(b"mine")
    make: dict[str, Callable[[], object]] = {
        "symlink": lambda: (folder / name).symlink_to(victim),
        "dangling": lambda: (folder / name).symlink_to(tmp_path / "gone"),
        "hard link": lambda: (folder / name).hardlink_to(victim),
        "folder": lambda: (folder / name).mkdir(),
        "FIFO": lambda: os.mkfifo(folder / name),
    }
    with serving(http_response("200 OK", WHOLE, ETAG, body=CONTENT[:9])) as server:
        if name.endswith("etag"):
            (folder / "human.pth.part").write_bytes(CONTENT[:RECEIVED])
        make[kind]()
        with pytest.raises(PoseDeployError) as refusal:
            fetch(server.url(), folder)
    assert "\n" not in str(refusal.value)
    assert victim.read_bytes() == b"mine" and not (tmp_path / "gone").exists()


def test_a_concurrent_download_of_the_same_file_is_an_error(tmp_path: Path) -> None:
    with serving(GOOD) as server, (tmp_path / "human.pth.part").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DownloadError, match=r"human.pth.part: another process is downloading it; wait"):
            fetch(server.url(), tmp_path)
        fcntl.flock(other, fcntl.LOCK_UN)
        assert fetch(server.url(), tmp_path).is_new


@pytest.mark.parametrize("wrong", ["caller", "record"])
def test_the_error_about_another_hash_shows_both(tmp_path: Path, wrong: str) -> None:
    digest, expected = hashlib.sha256(CONTENT).hexdigest(), "0" * 64
    if wrong == "record":
        (tmp_path / "human.pth.sha256").write_text(f"{expected}  human.pth\n")
    with serving(GOOD) as server:
        with pytest.raises(
            DownloadError, match=f"the server sent a file with SHA-256 {digest}, expected {expected}"
        ):
            fetch(server.url(), tmp_path, sha256=expected if wrong == "caller" else None)
        assert not (tmp_path / "human.pth").exists()
        fetched = fetch(server.url(), tmp_path, sha256=digest.upper())
    assert (fetched.sha256, fetched.verified_by) == (digest, "caller")


def test_a_malformed_hash_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="abc: expected a SHA-256, which is 64 hexadecimal digits"):
        fetch("http://127.0.0.1/human.pth", tmp_path, sha256="abc")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1/..%2f..%2f..", "ends in a file's name"),
        ("http://127.0.0.1/a%00.pth", "ends in a file's name"),
        ("http://127.0.0.1/a%0a.pth", "ends in a file's name"),
        ("http://127.0.0.1/a%1b[2J.pth", "ends in a file's name"),
        ("http://127.0.0.1/a%5cb.pth", "ends in a file's name"),
        ("http://127.0.0.1/c%3ab.pth", "ends in a file's name"),
        ("http://127.0.0.1/%ff.pth", "ends in a file's name"),
        ("http://127.0.0.1/%2e%2e", "ends in a file's name"),
        ("http://127.0.0.1/" + "a" * 250, "file name is longer than 245 bytes"),
        ("http://127.0.0.1/" + "%E4%BD%A0" * 82, "file name is longer than 245 bytes"),
        ("http:///human.pth", "expected an http or https address"),
        ("http://me:secret@127.0.0.1/human.pth", "leave out everything before the @"),
        ("http://127.0.0.1:99999/human.pth", "Port out of range"),
        ("http://a..b/human.pth", "label empty or too long"),
        (f"http://{'a' * 70}.example/human.pth", "label"),
        ("file:///etc/human.pth", "expected an http or https address"),
        ("HTTP://127.0.0.1:1/human.pth", "refused"),
    ],
)
def test_a_bad_address_is_a_one_line_error(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(DownloadError, match=message) as refusal:
        fetch(url, tmp_path)
    assert "\n" not in str(refusal.value) and "secret" not in str(refusal.value)
    assert not file_names(tmp_path)


def test_the_server_cannot_choose_the_file_name(tmp_path: Path) -> None:
    named = http_response(
        "200 OK", WHOLE, 'Content-Disposition: attachment; filename="../../evil"', body=CONTENT
    )
    with serving(http_response("302 Found", "Location: /elsewhere/evil.pth?x=/y"), named) as server:
        assert fetch(server.url("a/human.pth?token=/z"), tmp_path).path == tmp_path / "human.pth"
    assert file_names(tmp_path) == ["human.pth", "human.pth.sha256"]
