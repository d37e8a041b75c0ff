"""Connections to model servers over HTTP and HTTPS."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

import numpy as np
import urllib3
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from posedeploy.client.authorization import DENIED, read_headers
from posedeploy.client.connection import (
    INVALID_CONTENT,
    ModelConfig,
    ServedTensors,
    ServerInfo,
    access_error,
    certificate_error,
    config_error,
    protocol_error,
    result_error,
    timeout_error,
    unreachable_error,
    unready_error,
)
from posedeploy.client.datatypes import DATATYPES, DTYPES, parse_tensors
from posedeploy.errors import ServerError, first_line
from posedeploy.model_urls import ModelAddress
from posedeploy.types import Array, Tensors

BINARY = "binary_tensor_data"
"""The protocol extension for tensors as bytes."""
LENGTH = "Inference-Header-Content-Length"
MAX_BYTES = 2**31 - 1
"""The limit of a response, that of gRPC."""
CHUNK_BYTES = 2**20
WITHOUT_CONFIG = (400, 404, 405, 501)
"""The statuses of servers that do not have configs, an extension of Triton."""


@dataclass(frozen=True)
class Response:
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class HttpConnection:
    """A connection to the server of one model. Threads may share it."""

    def __init__(self, address: ModelAddress) -> None:
        self._address = address
        self._base = f"{address.server}/v2"
        version = f"/versions/{quote(address.version, safe='')}" if address.version else ""
        self._model = f"{self._base}/models/{quote(address.name, safe='')}{version}"
        timeout = urllib3.Timeout(connect=address.timeout_s, read=address.timeout_s)
        context = ssl.create_default_context() if address.scheme == "https" else None
        self._headers = read_headers()
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout, ssl_context=context)

    def server_info(self) -> ServerInfo:
        document = self._document(self._request("GET", self._base))
        return ServerInfo(str(document.get("name", "unknown")), str(document.get("version", "unknown")))

    @cached_property
    def _supports_binary(self) -> bool:
        """Whether the server supports tensors as bytes. A server whose list of extensions lacks ``BINARY``,
        such as MLServer, gets JSON, which has the same values."""
        extensions = self._document(self._request("GET", self._base)).get("extensions")
        return not isinstance(extensions, list) or BINARY in extensions

    def tensors(self) -> ServedTensors:
        response = self._request("GET", self._model)
        document = self._document(response)
        if response.status != 200:
            raise unready_error(self._address, _reason(document, response), self._index())
        ready = self._request("GET", f"{self._model}/ready")
        if ready.status != 200:
            raise unready_error(self._address, f"its status is {ready.status}", self._index())
        try:
            return parse_tensors(document)
        except INVALID_CONTENT as error:
            raise protocol_error(self._address, f"the metadata of the model is invalid ({error})") from error

    def config(self) -> ModelConfig:
        response = self._request("GET", f"{self._model}/config")
        if response.status in WITHOUT_CONFIG:
            return ModelConfig()
        document = self._document(response)
        if response.status != 200:
            raise config_error(self._address, _reason(document, response))
        try:
            parameters = {
                str(key): str(value["string_value"]) for key, value in document.get("parameters", {}).items()
            }
            return ModelConfig(int(document.get("max_batch_size", 0)), parameters)
        except INVALID_CONTENT as error:
            raise protocol_error(self._address, f"the config of the model is invalid ({error})") from error

    def infer(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        binary = self._supports_binary
        requested = [InferRequestedOutput(name, binary_data=binary) for name in outputs]
        sent = []
        for name, array in inputs.items():
            tensor = InferInput(name, list(array.shape), DATATYPES[array.dtype.name])
            sent.append(tensor.set_data_from_numpy(array, binary_data=binary))
        body, length = InferenceServerClient.generate_request_body(sent, outputs=requested)
        headers = {} if length is None else {LENGTH: str(length)}
        response = self._request("POST", f"{self._model}/infer", body, headers)
        if response.status != 200:
            reason = _reason(self._document(response), response)
            raise ServerError(f"{self._address.server}: the model {self._address.name} failed ({reason})")
        try:
            result = InferenceServerClient.parse_response_body(
                response.content, header_length=response.headers.get(LENGTH)
            )
            return {name: _to_array(result, name) for name in outputs}
        except (*INVALID_CONTENT, InferenceServerException) as error:
            raise result_error(self._address, first_line(error)) from error

    def close(self) -> None:
        self._pool.clear()

    def _index(self) -> list[dict[str, Any]]:
        """Return the models of the server; empty if it has no list, which is optional."""
        response = self._request("POST", f"{self._base}/repository/index", b"{}")
        try:
            models = json.loads(response.content) if response.status == 200 else []
        except INVALID_CONTENT:
            return []
        return [each for each in models if isinstance(each, dict)] if isinstance(models, list) else []

    def _document(self, response: Response) -> dict[str, Any]:
        """Return the JSON object of a response."""
        try:
            document = json.loads(response.content)
        except INVALID_CONTENT:
            document = None
        if not isinstance(document, dict):
            kind = response.headers.get("Content-Type", "content without a type").partition(";")[0]
            raise protocol_error(
                self._address, f"the response has status {response.status} and {kind}, expected a JSON object"
            )
        return document

    def _request(
        self, method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Response:
        address = self._address
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers={**self._headers, **(headers or {})},
                redirect=False,
                preload_content=False,
            )
            with response:  # closes the connection, if it was not read to its end
                content = self._read(response)
            if response.status in DENIED:
                raise access_error(address, f"status {response.status}")
            return Response(response.status, response.headers, content)
        except (ConnectTimeoutError, ReadTimeoutError) as error:
            if isinstance(error, NewConnectionError | NameResolutionError):
                raise unreachable_error(address, _cause(error)) from error
            raise timeout_error(address) from error
        except SSLError as error:
            if "CERTIFICATE" in str(error).upper() or "hostname" in str(error):
                raise certificate_error(address, _cause(error), "SSL_CERT_FILE") from error
            raise protocol_error(address, f"no TLS ({_cause(error)}); http:// may be right") from error
        except NewConnectionError as error:
            raise unreachable_error(address, _cause(error)) from error
        except HTTPError as error:
            raise protocol_error(address, f"the connection broke ({_cause(error)})") from error

    def _read(self, response: BaseHTTPResponse) -> bytes:
        """Return the content of a response, which must be complete within the time limit.

        Raises:
            ServerError: it is too large, or the server sends it too slowly.
        """
        address, content = self._address, bytearray()
        deadline = time.monotonic() + address.timeout_s
        while chunk := response.read1(CHUNK_BYTES):
            content += chunk
            if len(content) > MAX_BYTES:
                raise protocol_error(address, f"a response has more than {MAX_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise timeout_error(address)
        return bytes(content)


def _to_array(result: InferResult, name: str) -> Array:
    """Return an output. ``as_numpy`` gives an empty one the wrong dtype."""
    array, output = result.as_numpy(name), result.get_output(name)
    return np.empty(array.shape, DTYPES[output["datatype"]]) if array.size == 0 else array.copy()


def _reason(document: dict[str, Any], response: Response) -> str:
    return str(document.get("error") or document.get("detail") or f"status {response.status}")


def _cause(error: BaseException) -> str:
    """Return the reason of the operating system or of OpenSSL for a failed connection."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return getattr(error, "strerror", None) or first_line(error)
