"""Readers of addresses and of server responses."""

from __future__ import annotations

import socket
import tempfile
import threading
from pathlib import Path

import msgspec

from posedeploy.checkpoints.fetch import fetch
from posedeploy.checkpoints.partial_file import Version, partial_file
from posedeploy.predict.urls import file_name_of, hide_password, local_path, scheme_of, split_url
from tools.fuzz.seeds.documents import BODY, URL


def address(path: Path) -> None:
    """Use the bytes as the address of a stream and of a file to download."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    for read in (scheme_of, split_url, local_path, hide_password, file_name_of):
        read(text)
    if not text.startswith(("http://", "https://")):
        fetch(text, path.parent / "fetched")


def http_answer(path: Path) -> None:
    """Download from a server that responds with these bytes, from the start and from a part."""
    with tempfile.TemporaryDirectory() as folder, _Server(path.read_bytes()) as address:
        url = f"http://{address}/a.pth"
        Path(folder, "a.pth.part").write_bytes(BODY[:8])
        Path(folder, "a.pth.part.etag").write_bytes(msgspec.json.encode(Version(url, '"first"', len(BODY))))
        fetch(url, Path(folder))


def download_state(path: Path) -> None:
    """Read the state of a partly downloaded file."""
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, "a.pth.part")
        part.write_bytes(BODY[:8])
        part.with_name("a.pth.part.etag").write_bytes(path.read_bytes())
        with partial_file(part) as held:
            held.version(URL)


class _Server:
    """A local server that responds to every connection with the same bytes and closes it."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *error: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed
                return
            with connection:
                try:
                    connection.recv(1 << 16)
                    connection.sendall(self._answer)
                except OSError:  # the reader closed the connection
                    continue
