"""Bad or slow responses and files that are links: each is an error, and no file is kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import resource
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import TypeAlias

import msgspec
import pytest

from posedeploy.checkpoints import paced_http
from posedeploy.checkpoints.fetch import fetch
from posedeploy.checkpoints.partial_file import Version
from posedeploy.errors import DownloadError, OutputError, PoseDeployError

CONTENT = bytes(range(256)) * 4
RECEIVED = 300
WHOLE = f"Content-Length: {len(CONTENT)}"
REST = f"Content-Range: bytes {RECEIVED}-{len(CONTENT) - 1}/{len(CONTENT)}"
ETAG = 'ETag: "v1"'
Response: TypeAlias = bytes | Callable[[socket.socket], None]


def http_response(status: str, *headers: str, body: bytes = b"", protocol: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"{protocol} {status}", *headers, "", ""]).encode("latin-1") + body


GOOD = http_response("200 OK", WHOLE, ETAG, body=CONTENT)


class ScriptedServer(socketserver.ThreadingTCPServer):
    """A server of a list of responses, whose last is repeated; each closes the connection.

    ``requests`` holds the requests as text.
    """

    daemon_threads = allow_reuse_address = True

    def __init__(self, *responses: Response, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.responses = list(responses)
        self.requests: list[str] = []
        self.tls = tls

    def url(self, name: str = "human.pth") -> str:
        return f"http{'s' * bool(self.tls)}://127.0.0.1:{self.server_address[1]}/{name}"

    def get_request(self) -> tuple[socket.socket, object]:
        request, address = super().get_request()
        return (self.tls.wrap_socket(request, server_side=True) if self.tls else request), address

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # the client closed the connection


class _Handler(socketserver.BaseRequestHandler):
    server: ScriptedServer

    def handle(self) -> None:
        requests = b""
        while b"\r\n\r\n" not in requests and (chunk := self.request.recv(1 << 16)):
            requests += chunk
        self.server.requests.append(requests.decode())
        responses = self.server.responses
        response = responses.pop(0) if len(responses) > 1 else responses[0]
        if callable(response):
            response(self.request)
        else:
            self.request.sendall(response)


@contextmanager
def serving(*responses: Response, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    with ScriptedServer(*responses, tls=tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def file_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_part(folder: Path, server: ScriptedServer, total: int | None = len(CONTENT)) -> Path:
    part = folder / "human.pth.part"
    part.write_bytes(CONTENT[:RECEIVED])
    version = Version(server.url(), '"v1"', total)
    part.with_name(part.name + ".etag").write_bytes(msgspec.json.encode(version))
    return part


HTML = b"<!DOCTYPE html><html><body>Please sign in</body></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1024\n"
CHUNKED = "Transfer-Encoding: chunked"
BAD_RESPONSES: dict[str, tuple[bytes, str]] = {
    "an unrequested range": (
        http_response(
            "206 Partial Content", REST, f"Content-Length: {len(CONTENT) - RECEIVED}", body=CONTENT[RECEIVED:]
        ),
        r"sent a part of the file \(Content-Range bytes 300-1023/1024\), and the whole file was requested",
    ),
    "a part from the start": (
        http_response("206 Partial Content", "Content-Range: bytes 0-1023/1024", WHOLE, body=CONTENT),
        r"sent a part of the file \(Content-Range bytes 0-1023/1024\), and the whole file was requested",
    ),
    "204": (http_response("204 No Content"), "answered 204 No Content"),
    "205": (http_response("205 Reset Content", WHOLE, body=CONTENT), "answered 205 Reset Content"),
    "203": (http_response("203 Transformed", WHOLE, body=CONTENT), "answered 203 Transformed"),
    "unrequested 416": (
        http_response("416 No", "Content-Range: bytes */1024", "Content-Length: 0"),
        "answered 416 No",
    ),
    "404": (http_response("404 Not\tFound", "Content-Length: 0"), "answered 404 Not Found"),
    "an empty body": (http_response("200 OK", "Content-Length: 0"), "sent an empty file"),
    "an empty body in chunks": (http_response("200 OK", CHUNKED, body=b"0\r\n\r\n"), "sent an empty file"),
    "shorter": (
        http_response("200 OK", WHOLE, ETAG, body=CONTENT[:99]),
        "stopped after 99 of 1024 bytes; run the",
    ),
    "no end": (http_response("200 OK", body=CONTENT), "sent no Content-Length, so the end of the file"),
    "HTTP/1.0": (http_response("200 OK", body=CONTENT, protocol="HTTP/1.0"), "sent no Content-Length"),
    "HTTP/0.9": (CONTENT, "BadStatusLine|Bad|\\\\x00"),
    "chunks that break off": (
        http_response("200 OK", CHUNKED, body=b"400\r\n" + CONTENT[:9]),
        "in the middle of the file",
    ),
    "chunks without an end": (
        http_response("200 OK", CHUNKED, body=b"9\r\n" + CONTENT[:9] + b"\r\n"),
        "in the middle of the file",
    ),
    "a malformed chunk": (http_response("200 OK", CHUNKED, body=b"zz\r\n" + CONTENT), "middle of the file"),
    "chunks longer than announced": (
        http_response("200 OK", CHUNKED, "Content-Length: 5", body=b"9\r\n" + CONTENT[:9] + b"\r\n0\r\n\r\n"),
        "sent both a Content-Length and a Transfer-Encoding",
    ),
    "an unknown coding": (
        http_response("200 OK", "Transfer-Encoding: gzip, chunked"),
        "Transfer-Encoding gzip, chu",
    ),
    "not a number": (
        http_response("200 OK", "Content-Length: many", body=CONTENT),
        r"malformed Content-Length \(many\)",
    ),
    "negative": (
        http_response("200 OK", "Content-Length: -5", body=CONTENT),
        r"malformed Content-Length \(-5\)",
    ),
    "Arabic digits": (
        http_response("200 OK", "Content-Length: \xb2", body=CONTENT),
        "malformed Content-Length",
    ),
    "two lengths": (
        http_response("200 OK", "Content-Length: 5", WHOLE, body=CONTENT),
        r"malformed Content-Length \(1024, 5\)",
    ),
    "huge": (
        http_response("200 OK", "Content-Length: " + "9" * 18, body=CONTENT),
        "has 9+ bytes, and .* free; free some space",
    ),
    "compressed": (
        http_response("200 OK", WHOLE, "Content-Encoding: gzip", body=CONTENT),
        r"compressed \(gzip\), w",
    ),
    "a web page": (
        http_response("200 OK", "Content-Type: text/html", WHOLE, body=CONTENT),
        "sent a web page, not a",
    ),
    "a web page without a type": (
        http_response("200 OK", f"Content-Length: {len(HTML)}", body=HTML),
        "an HTML page, not a checkpoint; it is often a download warning or a login page",
    ),
    "a pointer": (
        http_response("200 OK", f"Content-Length: {len(POINTER)}", body=POINTER),
        "a Git LFS pointer, not a checkpoint; run `git lfs pull`",
    ),
    "an error in JSON": (
        http_response("200 OK", "Content-Length: 15", body=b'{"error": "no"}'),
        "a JSON document, not a checkpoint",
    ),
    "no status": (b"HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 abc"),
    "an empty response": (b"", "Remote end closed connection without response"),
    "a long header": (
        http_response("200 OK", "A: " + "a" * 70_000),
        "got more than 65536 bytes when reading header",
    ),
    "many headers": (http_response("200 OK", *["A: b"] * 200), "got more than 100 headers"),
    "a redirect loop": (
        http_response("302 Found", "Location: /human.pth"),
        "redirect error that would lead to an infinite",
    ),
    "no location": (http_response("302 Found"), "answered 302 Found without a Location header$"),
    "file": (
        http_response("302 Found", "Location: file:///etc/passwd"),
        "answered 302 .*'file:///etc/passwd' is not",
    ),
    "ftp": (
        http_response("302 Found", "Location: ftp://127.0.0.1/a"),
        "redirects to ftp://127.0.0.1/a, and pose",
    ),
    "data": (http_response("302 Found", "Location: data:,x"), "answered 302 .* is not allowed"),
    "a bad host": (http_response("302 Found", "Location: http://[bad/x"), "Invalid IPv6 URL"),
    "a bad port": (http_response("302 Found", "Location: http://127.0.0.1:x/"), "nonnumeric port"),
    "no host": (http_response("302 Found", "Location: http:///x"), "no host given|redirect"),
    "not modified": (http_response("304 Not Modified"), "answered 304 Not Modified"),
}


@pytest.mark.parametrize("case", BAD_RESPONSES)
def test_a_bad_response_is_a_one_line_error_and_no_file_is_kept(tmp_path: Path, case: str) -> None:
    response, message = BAD_RESPONSES[case]
    with serving(response) as server:
        with pytest.raises(DownloadError, match=message) as refusal:
            fetch(server.url(), tmp_path)
        assert "\n" not in str(refusal.value)
        assert not {"human.pth", "human.pth.sha256"} & set(file_names(tmp_path))
        server.responses = [GOOD]
        assert fetch(server.url(), tmp_path).path.read_bytes() == CONTENT
    assert file_names(tmp_path) == ["human.pth", "human.pth.sha256"]


LENGTH = f"Content-Length: {len(CONTENT) - RECEIVED}"
BAD_RANGES = {
    "another start": (
        [REST.replace("300-", "299-"), LENGTH],
        "Range bytes 299-1023/1024, and bytes 300",
    ),
    "from zero": (
        [REST.replace("300-", "0-"), WHOLE],
        "the Content-Range bytes 0-1023/1024, and bytes",
    ),
    "another total": (
        [REST.replace("/1024", "/2048"), LENGTH],
        "bytes 300-1023/2048, and bytes 300-.../102",
    ),
    "unknown total": ([REST.replace("/1024", "/*"), LENGTH], r"bytes 300-1023/\*, and bytes 300-"),
    "past the end": ([REST.replace("1023/", "1024/"), LENGTH], "sent the Content-Range bytes 300-1024/1024"),
    "backwards": ([REST.replace("1023/", "200/"), LENGTH], "sent the Content-Range bytes 300-200/1024"),
    "malformed": ([f"{REST};x", LENGTH], "sent the Content-Range bytes 300-1023/1024;x"),
    "other units": ([REST.replace("bytes", "lines"), LENGTH], "sent the Content-Range lines 300-1023/1024"),
    "no range": ([LENGTH], "sent the Content-Range none, and bytes 300-"),
    "several parts": (
        ["Content-Type: multipart/byteranges; boundary=x", LENGTH],
        "sent several parts of the file",
    ),
    "several parts with a range": (
        ["Content-Type: multipart/byteranges; boundary=x", REST, LENGTH],
        "sent several parts of the file",
    ),
    "two ranges": ([REST, REST, LENGTH], "sent the Content-Range bytes 300-1023/1024, bytes 300-1023/1024"),
    "a weak version": ([REST, LENGTH, 'ETag: W/"v2"'], "sent a part of another version of the file"),
    "a malformed version": ([REST, LENGTH, "ETag: v1"], "sent a part of another version of the file"),
    "a length and chunks": (
        [REST, LENGTH, "Transfer-Encoding: chunked"],
        "sent both a Content-Length and a Transfer-Encoding",
    ),
    "another length": ([REST, WHOLE], "sent 1024 bytes for the Content-Range bytes 300-1023/1024"),
    "another version": ([REST, LENGTH, 'ETag: "v2"'], "sent a part of another version of the file"),
    "compressed": ([REST, LENGTH, "Content-Encoding: br"], r"sent the file compressed \(br\)"),
}


@pytest.mark.parametrize("case", BAD_RANGES)
def test_another_range_than_the_requested_one_is_an_error(tmp_path: Path, case: str) -> None:
    headers, message = BAD_RANGES[case]
    with serving(http_response("206 Partial Content", *headers, body=CONTENT[RECEIVED:])) as server:
        part = write_part(tmp_path, server)
        with pytest.raises(DownloadError, match=message):
            fetch(server.url(), tmp_path)
        assert part.read_bytes() == CONTENT[:RECEIVED]
        assert f"Range: bytes={RECEIVED}-" in server.requests[0] and 'If-Range: "v1"' in server.requests[0]
        server.responses = [http_response("206 Partial Content", REST, LENGTH, ETAG, body=CONTENT[RECEIVED:])]
        assert fetch(server.url(), tmp_path).path.read_bytes() == CONTENT


@pytest.mark.parametrize("stated", ["bytes */300", "bytes */1024", "none"])
@pytest.mark.parametrize("total", [None, len(CONTENT)])
def test_an_unsatisfiable_range_restarts_the_download(tmp_path: Path, stated: str, total: int | None) -> None:
    refusal = http_response("416 Range Not Satisfiable", f"Content-Range: {stated}", "Content-Length: 0")
    with serving(refusal, GOOD) as server:
        write_part(tmp_path, server, total)
        assert fetch(server.url(), tmp_path).path.read_bytes() == CONTENT
    assert "Range" not in server.requests[1]


def test_a_part_of_another_address_is_not_resumed(tmp_path: Path) -> None:
    with serving(GOOD) as server:
        write_part(tmp_path, server)
        assert fetch(server.url("other/human.pth"), tmp_path).path.read_bytes() == CONTENT
    assert "Range" not in server.requests[0]


@pytest.mark.parametrize("etag", ['W/"v1"', "v1", '"v\x7f1"', '"\xe4"', ""])
def test_a_weak_etag_is_not_resumed(tmp_path: Path, etag: str) -> None:
    with serving(http_response("200 OK", WHOLE, f"ETag: {etag}", body=CONTENT[:9]), GOOD) as server:
        with pytest.raises(DownloadError, match="stopped after 9 of 1024"):
            fetch(server.url(), tmp_path)
        fetch(server.url(), tmp_path)
    assert "Range" not in server.requests[1]


def test_a_download_resumes_by_its_date(tmp_path: Path) -> None:
    date = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT"
    rest = http_response("206 Partial Content", REST, LENGTH, date, body=CONTENT[RECEIVED:])
    with serving(http_response("200 OK", WHOLE, date, body=CONTENT[:RECEIVED]), rest) as server:
        with pytest.raises(DownloadError, match="stopped after 300 of 1024"):
            fetch(server.url(), tmp_path)
        assert fetch(server.url(), tmp_path).path.read_bytes() == CONTENT
    assert "If-Range: Wed, 21 Oct 2015 07:28:00 GMT" in server.requests[1]


def _slowly(beginning: bytes) -> Callable[[socket.socket], None]:
    def slowly(connection: socket.socket) -> None:
        connection.sendall(beginning)
        for _ in range(400):
            connection.sendall(b"a")
            sleep(0.02)

    return slowly


SLOW_RESPONSES = {
    "status": b"HTTP/1.1 200 O",
    "header": b"HTTP/1.1 200 OK\r\nA: ",
    "body": http_response("200 OK", "Content-Length: 900", 'ETag: "v1"'),
    "chunk": http_response("200 OK", CHUNKED, body=b"ffff\r\n"),
    "chunk length": http_response("200 OK", CHUNKED),
}


@pytest.mark.parametrize("limit", ["rate", "deadline"])
@pytest.mark.parametrize("place", SLOW_RESPONSES)
def test_a_slow_response_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, limit: str
) -> None:
    if limit == "rate":
        monkeypatch.setattr(paced_http, "WINDOW_S", 0.1)
        message = r"the server sent \d+ bytes in 0.1 s, less than 1024 bytes per second"
    else:
        monkeypatch.setattr(paced_http, "DEADLINE_S", 0.1)
        message = "the download took longer than 0.1 s"
    with serving(_slowly(SLOW_RESPONSES[place])) as server, pytest.raises(DownloadError, match=message):
        fetch(server.url(), tmp_path)
    assert not {"human.pth", "human.pth.sha256"} & set(file_names(tmp_path))


def test_a_silent_server_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paced_http, "TIMEOUT_S", 0.1)
    with serving(lambda _: sleep(0.5)) as server, pytest.raises(DownloadError, match="timed out; run the"):
        fetch(server.url(), tmp_path)


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


def test_ctrl_c_keeps_the_received_bytes(tmp_path: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    rest = http_response("206 Partial Content", REST, LENGTH, body=CONTENT[RECEIVED:])
    with serving(http_response("200 OK", WHOLE, ETAG, body=CONTENT[:RECEIVED]), rest) as server:
        with pytest.raises(KeyboardInterrupt):
            fetch(server.url(), tmp_path, interrupt)
        assert (tmp_path / "human.pth.part").read_bytes() == CONTENT[:RECEIVED]
        assert fetch(server.url(), tmp_path).path.read_bytes() == CONTENT


def test_a_full_disk_keeps_the_received_bytes(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with serving(GOOD) as server:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
        try:
            with pytest.raises(OutputError, match=r"cannot write \(File too large\); the bytes that arrived"):
                fetch(server.url(), tmp_path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (tmp_path / "human.pth.part").read_bytes() == CONTENT[:500]


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


def test_the_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(GOOD) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url("").rstrip("/"))
        monkeypatch.setenv("no_proxy", "")
        fetch("http://weights.invalid/human.pth", tmp_path)
    assert proxy.requests[0].startswith("GET http://weights.invalid/human.pth HTTP/1.1")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS context for 127.0.0.1, and the certificate to trust."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    options = "-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", *options.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def test_https_redirects_only_to_https(
    tmp_path: Path, tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = tls
    with serving(GOOD) as plain, serving(GOOD, tls=context) as safe, serving(GOOD, tls=context) as first:
        with pytest.raises(DownloadError, match="certificate verify failed"):
            fetch(first.url(), tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        first.responses = [http_response("302 Found", f"Location: {plain.url('evil.pth')}")]
        with pytest.raises(DownloadError, match="follows no redirect from https to http; download the file"):
            fetch(first.url(), tmp_path)
        assert not plain.requests and not file_names(tmp_path)
        first.responses = [http_response("302 Found", f"Location: {safe.url('elsewhere.pth')}")]
        assert fetch(first.url(), tmp_path).path.read_bytes() == CONTENT
        plain.responses = [http_response("301 Moved", f"Location: {safe.url('human.pth')}")]
        assert fetch(plain.url("other.pth"), tmp_path).path.read_bytes() == CONTENT
