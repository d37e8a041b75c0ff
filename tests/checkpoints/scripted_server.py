"""A local server that answers with scripted responses."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import msgspec

from posedeploy.checkpoints.partial_file import Version

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


LENGTH = f"Content-Length: {len(CONTENT) - RECEIVED}"
