"""Connections to model servers over gRPC, with and without TLS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from posedeploy.client.authorization import read_headers
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

NUMBERS = {
    "BOOL": "bool_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents",
}  # fmt: skip
"""The field of a response with the numbers of each datatype."""


DENIED = ("UNAUTHENTICATED", "PERMISSION_DENIED")


class GrpcConnection:
    """A connection to the server of one model. Threads may share it."""

    def __init__(self, address: ModelAddress) -> None:
        self._address = address
        host = f"[{address.host}]" if ":" in address.host else address.host
        self._headers = read_headers()
        self._client = InferenceServerClient(f"{host}:{address.port}", ssl=address.scheme == "grpcs")

    def server_info(self) -> ServerInfo:
        document = self._call(self._client.get_server_metadata, as_json=True)
        return ServerInfo(str(document.get("name", "unknown")), str(document.get("version", "unknown")))

    def tensors(self) -> ServedTensors:
        name, version = self._address.name, self._address.version
        try:
            document = self._call(self._client.get_model_metadata, name, version, as_json=True)
            is_ready = self._call(self._client.is_model_ready, name, version)
        except _ModelError as error:
            raise unready_error(self._address, str(error), self._index()) from error
        if not is_ready:
            raise unready_error(self._address, "the server reports that it is not ready", self._index())
        try:
            return parse_tensors(document)
        except INVALID_CONTENT as error:
            raise protocol_error(self._address, f"the metadata of the model is invalid ({error})") from error

    def config(self) -> ModelConfig:
        try:
            document = self._call(
                self._client.get_model_config, self._address.name, self._address.version, as_json=True
            )
        except _UnknownCallError:  # an extension of Triton
            return ModelConfig()
        except _ModelError as error:
            raise config_error(self._address, str(error)) from error
        config = document.get("config", {})
        parameters = config.get("parameters", {})
        return ModelConfig(
            int(config.get("max_batch_size", 0)),
            {key: str(value.get("string_value", "")) for key, value in parameters.items()},
        )

    def infer(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        sent = [
            InferInput(name, list(array.shape), DATATYPES[array.dtype.name]).set_data_from_numpy(array)
            for name, array in inputs.items()
        ]
        try:
            result = self._call(
                self._client.infer,
                self._address.name,
                sent,
                self._address.version,
                outputs=[InferRequestedOutput(name) for name in outputs],
            )
        except _ModelError as error:
            raise ServerError(
                f"{self._address.server}: the model {self._address.name} failed ({error})"
            ) from error
        try:
            return {name: _to_array(result.get_response(), name) for name in outputs}
        except INVALID_CONTENT as error:
            raise result_error(self._address, first_line(error)) from error

    def close(self) -> None:
        self._client.close()

    def _index(self) -> list[dict[str, Any]]:
        """Return the models of the server; empty if it has no list, which is optional."""
        try:
            document = self._call(self._client.get_model_repository_index, as_json=True)
        except ServerError:
            return []
        models: list[dict[str, Any]] = document.get("models", [])
        return models

    def _call(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a method of the client.

        Raises:
            ServerError: the server cannot be reached, or speaks another protocol.
            _ModelError: the server rejects the request.
        """
        address = self._address
        try:
            return method(
                *arguments, client_timeout=address.timeout_s, headers=self._headers or None, **options
            )
        except InferenceServerException as error:
            code, reason = _code(error), str(error.message()).partition("\n")[0]
            if code == "DEADLINE_EXCEEDED":
                raise timeout_error(address) from error
            if code in DENIED:
                raise access_error(address, code) from error
            if code == "UNIMPLEMENTED":
                unknown = protocol_error(address, f"the call is unknown ({reason})")
                raise _UnknownCallError(str(unknown)) from error
            if code == "UNAVAILABLE" and "certificate" in reason.lower():
                raise certificate_error(
                    address, "certificate verify failed", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
                ) from error
            if code in ("UNAVAILABLE", "CANCELLED", "INTERNAL") and method != self._client.infer:
                raise unreachable_error(address, reason) from error
            raise _ModelError(reason) from error


class _ModelError(ServerError):
    """The server rejected a request to the model."""


class _UnknownCallError(ServerError):
    """The server does not have the call."""


def _to_array(response: Any, name: str) -> Array:
    """Return an output, from its bytes or, as MLServer sends it, from a list of numbers.

    Raises:
        LookupError: it is missing.
    """
    index = {output.name: index for index, output in enumerate(response.outputs)}[name]
    output = response.outputs[index]
    dtype = DTYPES[output.datatype]
    if index < len(response.raw_output_contents):
        values = np.frombuffer(response.raw_output_contents[index], dtype)
    else:
        values = np.array(getattr(output.contents, NUMBERS[output.datatype]), dtype)
    return values.reshape(tuple(output.shape)).copy()


def _code(error: InferenceServerException) -> str:
    return str(error.status() or "").rpartition(".")[2]
