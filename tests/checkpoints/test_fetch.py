"""Download from a local server that closes connections, changes its file or does not support ranges."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import numpy as np
import pytest

from posedeploy.checkpoints.fetch import fetch
from posedeploy.checkpoints.partial_file import Version
from posedeploy.errors import DownloadError, OutputError

CONTENT = np.random.RandomState(0).bytes(700_000)
OTHER = np.random.RandomState(1).bytes(500_000)


class FileServer(ThreadingHTTPServer):
    """A server of one file under every name but ``missing``. ``requests`` holds the headers of requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = CONTENT
        self.supports_ranges = True
        self.etag: str | None = '"first"'
        self.kind = "application/octet-stream"
        self.stop_after: int | None = None
        self.requests: list[dict[str, str]] = []

    def url(self, name: str = "human.pth") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/weights/{name}"

    def offer(self, content: bytes, etag: str) -> None:
        self.content, self.etag, self.stop_after = content, etag, None


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        server = self.server
        server.requests.append(dict(self.headers))
        if self.path.endswith("missing"):
            self.send_error(404)
            return
        start = self._start()
        if start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            end = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Type", server.kind)
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        self.wfile.write(server.content[start : server.stop_after])

    def _start(self) -> int:
        range_header = self.headers.get("Range")
        same = self.headers.get("If-Range") == self.server.etag
        return int(range_header[6:-1]) if range_header and same and self.server.supports_ranges else 0

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _interrupt(server: FileServer, folder: Path) -> None:
    server.stop_after = 300_000
    with pytest.raises(DownloadError, match="stopped after 300000 of 700000 bytes; run the command again"):
        fetch(server.url(), folder)
    server.stop_after = None


def _write_part(server: FileServer, folder: Path) -> None:
    version = Version(server.url(), '"first"', len(CONTENT))
    (folder / "human.pth.part.etag").write_bytes(msgspec.json.encode(version))


def test_a_download_records_its_hash(server: FileServer, tmp_path: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    folder = tmp_path / "new" / "weights"
    fetched = fetch(server.url("a%20human.pth"), folder, lambda size, total: progress.append((size, total)))
    path = fetched.path
    assert (path, fetched.is_new, fetched.verified_by) == (folder / "a human.pth", True, "nothing")
    assert path.read_bytes() == CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert (folder / "a human.pth.sha256").read_text() == f"{digest}  a human.pth\n"
    assert _names(folder) == ["a human.pth", "a human.pth.sha256"]
    assert progress[-1] == (700_000, 700_000)
    assert [size for size, _ in progress] == sorted(size for size, _ in progress)


def test_a_second_fetch_sends_no_request(server: FileServer, tmp_path: Path) -> None:
    fetch(server.url(), tmp_path)
    again = fetch(server.url(), tmp_path)
    assert (again.path, again.is_new, again.verified_by) == (tmp_path / "human.pth", False, "record")
    assert len(server.requests) == 1


def test_an_interrupted_download_resumes(server: FileServer, tmp_path: Path) -> None:
    _interrupt(server, tmp_path)
    assert not (tmp_path / "human.pth").exists()
    path = fetch(server.url(), tmp_path).path
    assert path.read_bytes() == CONTENT
    assert server.requests[1]["Range"] == "bytes=300000-"
    assert server.requests[1]["If-Range"] == '"first"'
    assert _names(tmp_path) == ["human.pth", "human.pth.sha256"]


def test_a_complete_part_is_used(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "human.pth.part").write_bytes(CONTENT)
    _write_part(server, tmp_path)
    path = fetch(server.url(), tmp_path).path
    assert path.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_not_used(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "human.pth.part").write_bytes(CONTENT + b"more")
    _write_part(server, tmp_path)
    assert fetch(server.url(), tmp_path).path.read_bytes() == CONTENT


def test_a_download_restarts_without_support_for_ranges(server: FileServer, tmp_path: Path) -> None:
    _interrupt(server, tmp_path)
    server.supports_ranges = False
    assert fetch(server.url(), tmp_path).path.read_bytes() == CONTENT
    assert "Range" in server.requests[1]


def test_a_download_restarts_if_the_file_changed(server: FileServer, tmp_path: Path) -> None:
    _interrupt(server, tmp_path)
    server.offer(OTHER, '"second"')
    assert fetch(server.url(), tmp_path).path.read_bytes() == OTHER


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_a_download_restarts_without_an_etag_or_date(
    server: FileServer, tmp_path: Path, etag: str | None
) -> None:
    server.etag = etag
    _interrupt(server, tmp_path)
    assert fetch(server.url(), tmp_path).path.read_bytes() == CONTENT
    assert "Range" not in server.requests[1]


def test_a_file_with_another_hash_than_the_recorded_one_is_an_error(
    server: FileServer, tmp_path: Path
) -> None:
    path = fetch(server.url(), tmp_path).path
    record = (tmp_path / "human.pth.sha256").read_text()
    path.unlink()
    server.offer(OTHER, '"second"')
    with pytest.raises(
        DownloadError, match=r"human.pth: the server sent .* if the published file has changed"
    ):
        fetch(server.url(), tmp_path)
    assert (tmp_path / "human.pth.sha256").read_text() == record
    assert not path.exists()
    server.offer(CONTENT, '"first"')
    assert fetch(server.url(), tmp_path).path.read_bytes() == CONTENT


def test_a_file_that_was_changed_on_disk_is_an_error(server: FileServer, tmp_path: Path) -> None:
    path = fetch(server.url(), tmp_path).path
    path.write_bytes(OTHER)
    with pytest.raises(
        DownloadError, match=r"human.pth: its SHA-256 is .*; delete it and its .sha256 to fetch it"
    ):
        fetch(server.url(), tmp_path)
    assert path.read_bytes() == OTHER


def test_a_file_that_was_not_fetched_is_not_replaced(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "human.pth").write_bytes(b"mine")
    with pytest.raises(
        DownloadError, match=r"the file exists, but human\.pth\.sha256, .* is missing; move the file, or use"
    ):
        fetch(server.url(), tmp_path)
    assert (tmp_path / "human.pth").read_bytes() == b"mine"


@pytest.mark.parametrize("content", ["", "  \n", "not a hash  human.pth\n"])
def test_a_record_without_a_hash_is_an_error(server: FileServer, tmp_path: Path, content: str) -> None:
    (tmp_path / "human.pth.sha256").write_text(content)
    with pytest.raises(DownloadError, match="holds no SHA-256; delete it to fetch the file again"):
        fetch(server.url(), tmp_path)


def test_a_missing_file_on_the_server_is_an_error(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"/weights/missing: the server answered 404 Not Found$"):
        fetch(server.url("missing"), tmp_path)
    assert _names(tmp_path) == []


def test_a_web_page_is_an_error(server: FileServer, tmp_path: Path) -> None:
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="the server sent a web page, not a file"):
        fetch(server.url(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_closed_port_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/human.pth"
    with pytest.raises(DownloadError, match=r"human.pth: .*refused; run the command again"):
        fetch(url, tmp_path)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.org/human.pth", "expected an http or https address that ends in a file's name"),
        ("human.pth", "expected an http or https address"),
        ("http://127.0.0.1/weights/", "expected an http or https address"),
        ("http://127.0.0.1/weights/..", "expected an http or https address"),
        ("http://127.0.0.1/%00.pth", "expected an http or https address"),
        ("http://127.0.0.1/a\nb.pth", "expected an http or https address"),
        ("http://[127.0.0.1/human.pth", "not an address"),
        ("http://127.0.0.1:port/human.pth", "not an address .Port could not be cast"),
        ("http://127.0.0.1/a human.pth", "expected an http or https address"),
        ("http://127.0.0.1/día.pth", "expected an address in ASCII; write other characters as %XX"),
    ],
)
def test_a_malformed_address_is_an_error(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(DownloadError, match=message):
        fetch(url, tmp_path)


def test_a_folder_that_cannot_be_written_is_an_error(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file/weights: cannot write \(Not a directory\)"):
        fetch(server.url(), tmp_path / "file" / "weights")
