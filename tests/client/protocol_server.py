"""A local server of one model that speaks the Open Inference Protocol v2 over HTTP, with scripted faults."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from posedeploy.client.datatypes import DATATYPES, DTYPES
from posedeploy.manifest_document import encode
from posedeploy.runtimes.base import Runner
from posedeploy.served_parameters import MANIFEST
from posedeploy.types import Artifact, Tensors, TensorSpec

LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Answer:
    """A scripted response. delay_s: the time before it. byte_s: the time before each byte of its body."""

    status: int = 200
    kind: str = "application/json"
    body: str = "{}"
    delay_s: float = 0.0
    byte_s: float = 0.0


def tensor_metadata(tensors: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    """Return the metadata of tensors, as servers write it."""
    return [
        {
            "name": tensor.name,
            "datatype": DATATYPES[tensor.dtype],
            "shape": [-1 if isinstance(length, str) else length for length in tensor.shape],
        }
        for tensor in tensors
    ]


@dataclass
class Script:
    """What a server answers. answers: by method and path; others are answered from the runner.

    outputs: replaces the outputs of the runner.
    """

    artifact: Artifact
    runner: Runner
    answers: dict[str, Answer] = field(default_factory=dict)
    outputs: Tensors | None = None
    has_manifest: bool = True
    is_json_only: bool = False
    """The server exchanges tensors as JSON only, as MLServer does."""
    authorization: str | None = None
    """The value of the header ``Authorization`` that every request must have; None accepts all requests."""

    def answer(self, path: str) -> Answer:
        """Return the answer to a request such as ``GET /v2``."""
        if path in self.answers:
            return self.answers[path]
        document = self._documents().get(path)
        if document is None:
            return Answer(404, body=json.dumps({"error": f"no such path: {path}"}))
        return Answer(body=json.dumps(document))

    def _documents(self) -> dict[str, object]:
        model = "GET /v2/models/tiny"
        parameters = {MANIFEST: {"string_value": encode(self.artifact).decode()}} if self.has_manifest else {}
        return {
            "GET /v2": {"name": "test-server", "version": "1.2"} | self._extensions(),
            model: {
                "name": "tiny",
                "platform": "test",
                "inputs": tensor_metadata(self.runner.inputs),
                "outputs": tensor_metadata(self.runner.outputs),
            },
            f"{model}/ready": {},
            f"{model}/config": {"max_batch_size": 0, "parameters": parameters},
            "POST /v2/repository/index": [
                {"name": "tiny", "state": "READY"},
                {"name": "broken", "state": "UNAVAILABLE", "reason": "its file is damaged"},
            ],
        }

    def _extensions(self) -> dict[str, object]:
        return {"extensions": []} if self.is_json_only else {}

    def infer_json(self, request: dict[str, Any]) -> str:
        """Return the JSON response to an inference request."""
        inputs = {
            tensor["name"]: np.array(tensor["data"], DTYPES[tensor["datatype"]]).reshape(tensor["shape"])
            for tensor in request["inputs"]
        }
        outputs = [
            {
                "name": name,
                "datatype": DATATYPES[array.dtype.name],
                "shape": array.shape,
                "data": array.ravel().tolist(),
            }
            for name, array in self.runner.run(inputs).items()
        ]
        return json.dumps({"model_name": "tiny", "outputs": outputs})

    def infer(self, request: dict[str, Any], buffer: bytes) -> tuple[bytes, int]:
        """Return the body of the response to an inference, and the length of its JSON."""
        inputs, start = {}, 0
        for tensor in request["inputs"]:
            end = start + tensor["parameters"]["binary_data_size"]
            array = np.frombuffer(buffer[start:end], DTYPES[tensor["datatype"]])
            inputs[tensor["name"]] = array.reshape(tensor["shape"])
            start = end
        outputs = self.runner.run(inputs) if self.outputs is None else self.outputs
        document = [
            {
                "name": name,
                "datatype": DATATYPES[array.dtype.name],
                "shape": array.shape,
                "parameters": {"binary_data_size": array.nbytes},
            }
            for name, array in outputs.items()
        ]
        header = json.dumps({"model_name": "tiny", "outputs": document}).encode()
        return header + b"".join(array.tobytes() for array in outputs.values()), len(header)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self._is_denied():
            return
        self._send(self.server.script.answer(f"GET {self.path}"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._is_denied():
            return
        path = f"POST {self.path}"
        if not path.endswith("/infer") or path in self.server.script.answers:
            self._send(self.server.script.answer(path))
            return
        if self.server.script.is_json_only:
            self._send(Answer(body=self.server.script.infer_json(json.loads(body))))
            return
        length = int(self.headers[LENGTH])
        response, header = self.server.script.infer(json.loads(body[:length]), body[length:])
        self._write(200, "application/octet-stream", response, {LENGTH: str(header)})

    def _is_denied(self) -> bool:
        expected = self.server.script.authorization
        is_denied = expected is not None and self.headers.get("Authorization") != expected
        if is_denied:
            self._send(Answer(401, "text/plain", ""))
        return is_denied

    def _send(self, answer: Answer) -> None:
        time.sleep(answer.delay_s)
        self._write(answer.status, answer.kind, answer.body.encode(), {}, answer.byte_s)

    def _write(
        self, status: int, kind: str, body: bytes, headers: dict[str, str], byte_s: float = 0.0
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for part in (bytes([each]) for each in body) if byte_s else [body]:
            time.sleep(byte_s)
            self.wfile.write(part)

    def log_message(self, *arguments: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    script: Script

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # the client closed the connection


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve the model ``tiny``; the block gets the address of the server."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.script = script
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
