from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from posedeploy.commands.fetch import UNVERIFIED
from tests.commands.conftest import Invoke


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_published_checkpoint_is_fetched_once(done: Invoke, tmp_path: Path) -> None:
    (tmp_path / "human.pth").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=tmp_path)) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        arguments = (
            "fetch",
            "lightweight-openpose-3d",
            "--url",
            f"http://127.0.0.1:{server.server_port}/human.pth",
        )
        first, second = done(*arguments), done(*arguments)
        server.shutdown()
        thread.join()
    assert first.stdout.splitlines() == [
        f"checkpoints/human.pth fetched, SHA-256 {digest}",
        UNVERIFIED,
        "weights license: Apache-2.0",
    ]
    assert second.stdout.startswith("checkpoints/human.pth exists already, SHA-256 ")


def test_bad_input_is_refused(refused: Callable[..., str]) -> None:
    assert "no network family is called 'openpose'" in refused("fetch", "openpose")
    message = refused("fetch", "lightweight-openpose-3d")
    assert "no direct link is published; download the file from github.com/" in message
    assert message.endswith("and use its path, or pass its address with --url")
    assert "expected an http or https address" in refused("fetch", "lightweight-openpose-2d", "--url", "x")
