"""Bad responses and redirects are one-line errors, and no file is kept."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from posedeploy.checkpoints.fetch import fetch
from posedeploy.errors import DownloadError
from tests.checkpoints.scripted_server import (
    CONTENT,
    ETAG,
    GOOD,
    RECEIVED,
    REST,
    WHOLE,
    file_names,
    http_response,
    serving,
)
from tests.support.certificates import make_server_context

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


def test_the_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(GOOD) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url("").rstrip("/"))
        monkeypatch.setenv("no_proxy", "")
        fetch("http://weights.invalid/human.pth", tmp_path)
    assert proxy.requests[0].startswith("GET http://weights.invalid/human.pth HTTP/1.1")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS context for 127.0.0.1, and the certificate to trust."""
    return make_server_context(tmp_path_factory.mktemp("tls"))


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
