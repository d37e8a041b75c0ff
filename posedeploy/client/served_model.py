"""A model on a server: its tensors, and the manifest of the artifact that is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from posedeploy import contracts, manifest, plugins
from posedeploy.client.connection import Connection, ServerInfo
from posedeploy.contract_document import UNKNOWN
from posedeploy.errors import InputError, ServerError
from posedeploy.families import has_decoding
from posedeploy.manifest_document import Manifest, parse, read_content
from posedeploy.model_urls import ModelAddress, parse_model_url
from posedeploy.served_parameters import MANIFEST, NETWORK, TENSOR_NAMES
from posedeploy.types import Artifact, Dimension, ModelSpec, TensorSpec

CONNECTIONS = {
    "http": "posedeploy.client.http_connection:HttpConnection",
    "https": "posedeploy.client.http_connection:HttpConnection",
    "grpc": "posedeploy.client.grpc_connection:GrpcConnection",
    "grpcs": "posedeploy.client.grpc_connection:GrpcConnection",
}
"""The class of the connection, by the scheme of the URL."""
TARGET = "server"
"""The target of a served model without a manifest."""


@dataclass(frozen=True)
class ServedModel:
    """A model as its server describes it.

    inputs, outputs: named as in the manifest. server_names: the names on the server, by these names.
    manifest: that of the artifact; None without one. max_batch_size: 0 for none.
    """

    server: ServerInfo
    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    server_names: Mapping[str, str]
    max_batch_size: int
    manifest: Manifest | None


def open_served_model(url: Path, described: ModelSpec | None) -> Artifact:
    """Return a served model as an artifact, whose path is the URL.

    Args:
        described: the spec of a contract file or a family, for a model without a manifest.

    Raises:
        ServerError: the server cannot be reached, or does not serve the model that its manifest describes.
        InputError: the URL is invalid, or the manifest already describes the model.
        ManifestError: the manifest is damaged.
    """
    address = parse_model_url(url)
    connection = connect(address)
    try:
        model = describe(url, address, connection)
    finally:
        connection.close()
    if model.manifest is None:
        spec = described or ModelSpec(UNKNOWN, address.name, (), ())
        return Artifact(url, TARGET, spec, "unknown")
    artifact = manifest.to_artifact(url, model.manifest, model.manifest.files)
    if described is None:
        return artifact
    if has_decoding(artifact.spec.family):
        raise InputError(f"{url}: its manifest already describes it; remove `contract` and `family`")
    return replace(artifact, spec=contracts.add_family(artifact.spec, described, str(url)))


def connect(address: ModelAddress) -> Connection:
    """Return a connection to the server of a model. Nothing is sent before the first request.

    Raises:
        MissingPackageError: the package of the client is not installed.
    """
    create: Callable[[ModelAddress], Connection] = plugins.load(CONNECTIONS[address.scheme])
    return create(address)


def describe(url: Path, address: ModelAddress, connection: Connection) -> ServedModel:
    """Return the description of a model.

    Raises:
        ServerError: as of ``open_served_model``.
        ManifestError: the manifest is damaged.
    """
    tensors, config = connection.tensors(), connection.config()
    if NETWORK in config.parameters:
        other = config.parameters[NETWORK]
        raise ServerError(
            f"{url}: this model takes encoded images and returns poses, but posedeploy runs networks; pass "
            f"the URL of its network, {other}"
        )
    document = _read_manifest(url, address, config.parameters.get(MANIFEST))
    names = _parse_tensor_names(url, config.parameters.get(TENSOR_NAMES, "{}"))
    described = (None, None) if document is None else (document.spec.inputs, document.spec.outputs)
    inputs = _match(url, "input", tensors.inputs, described[0], names)
    outputs = _match(url, "output", tensors.outputs, described[1], names)
    return ServedModel(
        connection.server_info(),
        tensors.platform,
        inputs,
        outputs,
        {tensor.name: names.get(tensor.name, tensor.name) for tensor in (*inputs, *outputs)},
        config.max_batch_size,
        document,
    )


def _read_manifest(url: Path, address: ModelAddress, served: str | None) -> Manifest | None:
    """Return the manifest of the server, or else the one that the URL names; None without one.

    Raises:
        ServerError: they differ.
    """
    expected = None
    if address.manifest is not None:
        expected = parse(address.manifest, read_content(address.manifest))
    if served is None:
        return expected
    document = parse(url, served.encode())
    if expected is not None and expected.files != document.files:
        raise ServerError(
            f"{url}: the server has another model: the SHA-256 of its {document.model_name} is "
            f"{_digest(document)}..., and {address.manifest} records {_digest(expected)}...; deploy the "
            "right bundle, or pass the manifest of the deployed artifact"
        )
    return document


def _parse_tensor_names(url: Path, text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise ServerError(
            f"{url}: the parameter {TENSOR_NAMES} of the model is damaged ({error}); write the bundle again"
        ) from error


def _digest(document: Manifest) -> str:
    return document.files[document.model_name][:12]


def _match(
    url: Path,
    kind: str,
    served: Sequence[TensorSpec],
    described: Sequence[TensorSpec] | None,
    names: Mapping[str, str],
) -> tuple[TensorSpec, ...]:
    """Return the described tensors with the fixed axes of the served ones; the served ones if not described.

    Raises:
        ServerError: a tensor is missing, or has another dtype or shape.
    """
    if described is None:
        return tuple(served)
    by_name = {tensor.name: tensor for tensor in served}
    matched = []
    for tensor in described:
        own = by_name.get(names.get(tensor.name, tensor.name))
        if own is None or own.dtype != tensor.dtype or not _fits(own.shape, tensor.shape):
            raise ServerError(
                f"{url}: the served model differs from its manifest: the manifest has the {kind} "
                f"{tensor}, and the server has {', '.join(map(str, served))}; write the bundle again"
            )
        matched.append(replace(tensor, shape=tuple(map(_narrower, own.shape, tensor.shape))))
    return tuple(matched)


def _fits(served: Sequence[Dimension], described: Sequence[Dimension]) -> bool:
    return len(served) == len(described) and all(
        isinstance(own, str) or isinstance(other, str) or own == other
        for own, other in zip(served, described, strict=True)
    )


def _narrower(served: Dimension, described: Dimension) -> Dimension:
    return served if isinstance(served, int) else described
