"""The interface of connections to model servers, and the errors that they share."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from posedeploy.client.authorization import VARIABLE, read_headers
from posedeploy.errors import ServerError
from posedeploy.model_urls import ModelAddress
from posedeploy.printable import listed
from posedeploy.types import Tensors, TensorSpec

PROTOCOL = "the Open Inference Protocol v2"
READY = "READY"
INVALID_CONTENT = (
    AttributeError,
    ArithmeticError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""Errors from reading a response whose content does not follow the protocol."""


@dataclass(frozen=True)
class ServerInfo:
    """The name and version that a server reports."""

    name: str
    version: str


@dataclass(frozen=True)
class ServedTensors:
    """The tensors of a model as its server reports them, with ``-1`` for dynamic axes as ``axisN``.

    platform: the server's name for the runtime of the model.
    """

    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class ModelConfig:
    """The settings of a model that a server reports; empty if it reports none.

    max_batch_size: 0 for none. parameters: text by key.
    """

    max_batch_size: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)


class Connection(Protocol):
    """A connection to the server of one model. Every method raises ``ServerError``."""

    def server_info(self) -> ServerInfo:
        """Return the name and version of the server."""

    def tensors(self) -> ServedTensors:
        """Return the tensors of the model, which must be ready."""

    def config(self) -> ModelConfig:
        """Return the settings of the model."""

    def infer(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """Run the model once. The caller owns the results."""

    def close(self) -> None:
        """Close the connection."""


def unready_error(address: ModelAddress, reason: str, index: Sequence[Mapping[str, Any]]) -> ServerError:
    """Return the error for a model that is unknown to the server or not ready.

    Args:
        reason: the server's message.
        index: name, state and reason of the models of the server; empty if it does not list them.
    """
    subject = f"{address.server}: "
    own = [each for each in index if each.get("name") == address.name]
    if own and all(each.get("state") != READY for each in own):
        state, why = own[-1].get("state") or "not loaded", own[-1].get("reason")
        return ServerError(
            f"{subject}the model {address.name} is not ready ({state}{f': {why}' if why else ''}); wait "
            "until it is loaded, or read the log of the server"
        )
    names = dict.fromkeys(str(each.get("name")) for each in index if each.get("state") == READY)
    available = f"; the server has {listed(list(names))}" if names else ""
    what = f"version {address.version} of the model" if address.version else "the model"
    return ServerError(f"{subject}{what} {address.name} is unknown or not ready ({reason}){available}")


def timeout_error(address: ModelAddress) -> ServerError:
    """Return the error for a server that does not respond in time."""
    return ServerError(
        f"{address.server}: no response within {address.timeout_s:g} s; raise the limit with "
        f"?timeout=SECONDS at the end of the URL, or check the server"
    )


def unreachable_error(address: ModelAddress, reason: str) -> ServerError:
    """Return the error for a server that cannot be reached."""
    return ServerError(
        f"{address.server}: cannot connect ({reason}); start the server, or correct the host and port"
    )


def protocol_error(address: ModelAddress, problem: str) -> ServerError:
    """Return the error for a server that speaks another protocol."""
    return ServerError(
        f"{address.server}: the server does not speak {PROTOCOL} at this URL: {problem}; correct the host, "
        "port and path, and use grpc:// for a gRPC port"
    )


def config_error(address: ModelAddress, reason: str) -> ServerError:
    """Return the error for a server that has configs, but does not return that of the model."""
    return ServerError(
        f"{address.server}: the config of the model {address.name} cannot be read ({reason}), so its "
        "manifest is unknown; read the log of the server"
    )


def access_error(address: ModelAddress, reason: str) -> ServerError:
    """Return the error for a server that denies a request."""
    is_set = bool(read_headers())
    cause = f"the server does not accept the value of {VARIABLE}" if is_set else f"{VARIABLE} is not set"
    return ServerError(
        f"{address.server}: access is denied ({reason}): {cause}; set this environment variable to the value "
        "of the header Authorization, such as 'Bearer TOKEN'"
    )


def result_error(address: ModelAddress, reason: str) -> ServerError:
    """Return the error for a response to an inference that has no valid outputs."""
    return ServerError(
        f"{address.server}: the outputs of the model {address.name} are missing or damaged ({reason}); read "
        "the log of the server"
    )


def certificate_error(address: ModelAddress, reason: str, variable: str) -> ServerError:
    """Return the error for a server whose certificate is not trusted.

    Args:
        variable: the environment variable that names a file of trusted authorities.
    """
    return ServerError(
        f"{address.server}: the certificate of the server is not trusted ({reason}); if you trust its "
        f"authority, set {variable} to the file of the authority's certificate"
    )
