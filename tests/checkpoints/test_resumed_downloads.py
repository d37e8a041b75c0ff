"""Downloads that are slow, interrupted or resumed."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from pathlib import Path
from time import sleep

import pytest

from posedeploy.checkpoints import paced_http
from posedeploy.checkpoints.fetch import fetch
from posedeploy.errors import DownloadError, OutputError
from tests.checkpoints.scripted_server import (
    CONTENT,
    ETAG,
    GOOD,
    LENGTH,
    RECEIVED,
    REST,
    WHOLE,
    file_names,
    http_response,
    serving,
    write_part,
)
from tests.checkpoints.test_bad_responses import CHUNKED

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
