from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

from posedeploy.errors import InputError
from posedeploy.predict import stream_reader
from posedeploy.predict.sources import open_source
from posedeploy.predict.stream_reader import StreamReader
from posedeploy.predict.urls import file_name_of, hide_password
from tests.predict.videos import make_video, picture

PART = b"--part\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n"


class Server(ThreadingHTTPServer):
    """Serves the files of a folder and drops the first ``cuts`` connections; /mjpeg is a camera."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.cuts = 0
        self.requests = 0
        self.stop = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.requests += 1
        path = self.server.folder / self.path[1:]
        if self.path.startswith("/mjpeg"):
            self._camera()
        elif not path.exists():
            self.send_error(404)
        else:
            content = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            is_cut = self.server.requests <= self.server.cuts
            self.wfile.write(content[: len(content) * 2 // 3] if is_cut else content)
            self.close_connection = True

    def _camera(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=part")
        self.end_headers()
        for number in range(8):
            jpeg = cv2.imencode(".jpg", picture(number))[1].tobytes()
            self.wfile.write(PART % (len(jpeg), jpeg))
            time.sleep(0.01)
        if self.path.endswith("stalls"):
            self.server.stop.wait(20)
        self.close_connection = True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.stop.set()
        server.shutdown()


def stream(url: str, reconnects: int = 2) -> StreamReader:
    return StreamReader(url, reconnects=reconnects, first_wait_s=0.01)


def test_a_file_on_a_server_is_read_as_a_video(server: Server, tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4", movflags="faststart")
    with open_source(f"file://{path}") as source:
        assert source.inputs == (path,)
    with open_source(server.url("clip.mp4")) as source:
        assert (source.kind, source.total, source.file_name) == ("video", 20, "clip.mp4")
        times = [frame.time_s for frame in source]
        assert (source.problems, source.remarks) == ([], [])
    with open_source(str(path)) as source:
        assert times == [frame.time_s for frame in source]


def test_sound_longer_than_the_picture_is_not_a_truncation(server: Server, tmp_path: Path) -> None:
    make_video(tmp_path / "b.mkv", stamps=(0, 1, 2), sound="aac", sound_s=5)
    with stream(server.url("b.mkv")) as reader:
        assert len(list(reader)) == 3
        assert (reader.problems, reader.remarks, server.requests) == ([], [], 1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_file_is_read_without_repeated_frames_after_a_dropped_connection(
    name: str, server: Server, tmp_path: Path
) -> None:
    path = make_video(
        tmp_path / name, stamps=range(60), **({"movflags": "faststart"} if name == "a.mp4" else {})
    )
    server.cuts = 2
    with stream(server.url(name)) as source:
        frames = list(source)
        assert source.problems == []
        assert len(source.remarks) == 2
        assert "the connection was lost after" in source.remarks[0]
    with open_source(str(path)) as source:
        assert [frame.time_s for frame in frames] == [frame.time_s for frame in source]
    assert [frame.index for frame in frames] == list(range(60))


def test_a_file_ends_early_if_every_connection_drops(server: Server, tmp_path: Path) -> None:
    make_video(tmp_path / "a.ts", stamps=range(60))
    server.cuts = 100
    with stream(server.url("a.ts")) as source:
        done = len(list(source))
        (problem,) = source.problems
    assert 10 < done < 60
    assert "and not restored in 2 attempts" in problem
    assert problem.endswith(f"; the results hold the {done} frames before")
    assert server.requests == 3


def test_a_dropped_http_camera_is_reconnected(server: Server) -> None:
    with stream(server.url("mjpeg")) as source:
        frames = list(source)
        assert (source.kind, source.is_video, source.total, source.file_name) == (
            "stream",
            True,
            None,
            "mjpeg",
        )
    assert (len(frames), server.requests) == (24, 3)
    times = [frame.time_s for frame in frames if frame.time_s is not None]
    assert times == sorted(set(times)) and len(times) == 24
    assert len(source.remarks) == 2 and len(source.problems) == 1
    assert "not restored in 2 attempts" in source.problems[0]


def test_a_camera_that_stops_sending_is_reported(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_reader, "TIMEOUT_S", 0.5)
    with stream(server.url("mjpeg-stalls"), reconnects=0) as source:
        assert len(list(source)) == 8
        assert "(no data for 0.5 s)" in source.problems[0]


def test_a_stream_over_udp_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_reader, "TIMEOUT_S", 2.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"udp://127.0.0.1:{port}"
    done = threading.Event()

    def send() -> None:
        with av.open(f"{url}?pkt_size=1316", "w", format="mpegts") as output:
            video: Any = output.add_stream("libx264", rate=25, options={"tune": "zerolatency", "g": "5"})
            video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
            number = 0
            while not done.is_set():
                frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24")
                frame.pts = number
                output.mux(video.encode(frame))
                number += 1
                time.sleep(0.01)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with stream(url, reconnects=0) as source:
            frames = iter(source)
            times = [next(frames).time_s for _ in range(20)]
            assert (source.kind, source.file_name) == ("stream", f"127-0-0-1-{port}")
    finally:
        done.set()
        sender.join()
    assert times[0] == 0 and times == sorted(times)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.mp4", "none.mp4: Server returned 404 Not Found; check the URL"),
        ("page.html", "page.html: the data are not a video, or are damaged; check the URL"),
        ("photo.jpg", "photo.jpg: the server sends a single image; download it and pass"),
    ],
)
def test_an_invalid_stream_is_refused(path: str, message: str, server: Server, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>" + "nothing to see " * 1000)
    cv2.imwrite(str(tmp_path / "photo.jpg"), picture())
    with pytest.raises(InputError) as refusal:
        open_source(server.url(path))
    assert message in str(refusal.value)


def test_an_unreachable_server_is_an_error() -> None:
    with pytest.raises(
        InputError, match=r"^rtsp://user:\*\*\*@127\.0\.0\.1:1/cam: Connection refused; check the"
    ):
        open_source("rtsp://user:secret@127.0.0.1:1/cam")
    with pytest.raises(InputError, match=r"ftp://host/a: unsupported URL scheme; expected a file, or a URL"):
        open_source("ftp://host/a")
    with pytest.raises(InputError, match="`fps=5`: a stream or a camera has its own times; leave `fps` out"):
        open_source("http://127.0.0.1:1/a", fps=5)
    with pytest.raises(
        InputError, match=r"^http://a:\*\*\*@127\.0\.0\.1:1/%d\?x=\[1\]: Connection refused; check"
    ):
        open_source("http://a:b@127.0.0.1:1/%d?x=[1]")


@pytest.mark.parametrize(
    "url", ["http://me:a@secret@[abc/a.mp4", "file://[abc", "ftp://[abc", "rtsp://a]:1/"]
)
def test_an_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(
        InputError, match=r": invalid URL \(Invalid IPv6 URL\); expected one like rtsp"
    ) as refusal:
        open_source(url)
    assert "secret" not in str(refusal.value)


def test_urls_are_recognized() -> None:
    assert hide_password("http://:secret@host/a") == "http://:***@host/a"
    assert hide_password("rtsp://user:secret@host:554/a?b=c") == "rtsp://user:***@host:554/a?b=c"
    assert hide_password("http://host/a") == "http://host/a"
    assert file_name_of("http://host/a%20b/clip%C3%A9.mp4?x=/y") == "clipé.mp4"
    assert file_name_of("rtsp://user:pw@192.168.1.9:554/") == "192-168-1-9-554"
