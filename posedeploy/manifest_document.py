"""What a manifest holds, as JSON: the hashes of an artifact's files, its spec and where it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from posedeploy.errors import InputError, ManifestError
from posedeploy.printable import printable
from posedeploy.text_files import parse_json
from posedeploy.types import Artifact, ModelSpec, Provenance

WHAT = "a manifest"
SUFFIX = ".posedeploy.json"
FORMAT = "posedeploy.manifest"
VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """The JSON document, field by field. In one inside a model file, ``files`` has the hash of the model
    without it."""

    format: str
    version: int
    target: str
    precision: str
    files: Mapping[str, str]
    spec: ModelSpec
    provenance: Provenance
    details: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Head:
    format: str = ""
    version: int = 0


def encode(artifact: Artifact) -> bytes:
    """Return the manifest of an artifact that is complete (hashes, provenance)."""
    assert artifact.provenance is not None, "an artifact of ours has its provenance"
    document = Manifest(
        FORMAT,
        VERSION,
        artifact.target,
        artifact.precision,
        artifact.files,
        artifact.spec,
        artifact.provenance,
        artifact.details,
        artifact.beside,
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def read_content(path: Path) -> bytes:
    """Return the bytes of a manifest.

    Raises:
        ManifestError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror})") from error


def parse(path: Path, content: bytes) -> Manifest:
    """Return the manifest in these bytes.

    Args:
        path: where they come from, for the messages.

    Raises:
        ManifestError: they are damaged, of a newer version, or no manifest.
    """
    try:
        head = parse_json(content, path, WHAT, _Head)
        if head.format == FORMAT and head.version > VERSION:
            raise ManifestError(
                f"{path}: it has version {head.version} and this release reads up to {VERSION}; upgrade "
                "posedeploy"
            )
        if head.format != FORMAT:
            raise ManifestError(
                f"{path}: it is not a posedeploy manifest (format {head.format!r}, not {FORMAT!r})"
            )
        document: Manifest = parse_json(content, path, WHAT, Manifest)
        if damage := _damage(document.spec):
            raise ManifestError(f"{path}: the manifest is damaged ({damage}); export the artifact again")
        return document
    except InputError as error:
        reason = str(error).removeprefix(printable(f"{path}: not {WHAT}: "))
        raise ManifestError(
            f"{path}: the manifest is damaged ({reason}); export the artifact again"
        ) from error


def _damage(spec: ModelSpec) -> str:
    """What in a spec would be divided by and cannot be; '' where there is nothing."""
    contract = spec.contract
    if contract is not None and (
        0 in contract.deviation or min(contract.height, contract.width, contract.multiple) < 1
    ):
        return "a deviation or a length of 0"
    for tensor in (*spec.inputs, *spec.outputs):
        scale = tensor.quantization.scale if tensor.quantization else 1.0
        if not (math.isfinite(scale) and scale > 0) or (tensor.stride is not None and tensor.stride < 1):
            return f"the scale {scale:g} or the stride {tensor.stride} of {tensor.name}"
    return ""
