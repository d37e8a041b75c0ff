"""The JSON content of a manifest: the hashes of the files of an artifact, its spec and its provenance.

It also has the SHA-256 of its own content, which detects any change. The hash covers the values: of canonical
JSON with sorted keys, without spaces, and with integral numbers written as integers. Line ends, indentation,
the order of keys and the encoding may change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from posedeploy.backends import TARGETS
from posedeploy.errors import InputError, ManifestError
from posedeploy.input_files import read_bytes
from posedeploy.limits import MAX_MANIFEST_BYTES
from posedeploy.printable import listed, printable
from posedeploy.spec_checks import find_invalid_value
from posedeploy.text_files import convert, parse_json
from posedeploy.types import (
    Artifact,
    BudgetRecord,
    Calibration,
    ModelSpec,
    Precision,
    Provenance,
    RecoveryRecord,
)

WHAT = "a manifest"
SUFFIX = ".posedeploy.json"
FORMAT = "posedeploy.manifest"
VERSION = 2
DIGEST = "manifest_sha256"
"""The field for the SHA-256 of all the others."""
MAX_EXACT = 1 << 53
"""The largest number up to which a float64 represents every integer."""


@dataclass(frozen=True)
class Manifest:
    """The fields of the document. ``files`` of an embedded manifest has the hash of the model without it."""

    format: str
    version: int
    target: str
    precision: str
    files: Mapping[str, str]
    spec: ModelSpec
    provenance: Provenance
    details: Mapping[str, Any] = field(default_factory=dict)
    sidecars: Mapping[str, str] = field(default_factory=dict)
    inference_precision: Precision | None = None
    calibration: Calibration | None = None
    budget: BudgetRecord | None = None
    recovery: RecoveryRecord | None = None

    @property
    def model_name(self) -> str:
        """The name of the model file when the manifest was written."""
        suffix = TARGETS[self.target].suffix
        return next(name for name in self.files if name.endswith(suffix))


@dataclass(frozen=True)
class _Head:
    format: str = ""
    version: int = 0
    manifest_sha256: str = ""


def encode(artifact: Artifact) -> bytes:
    """Return the manifest of a complete artifact (with hashes and provenance)."""
    assert artifact.provenance is not None, "an exported artifact has a provenance"
    document = Manifest(
        FORMAT,
        VERSION,
        artifact.target,
        artifact.precision,
        artifact.files,
        artifact.spec,
        artifact.provenance,
        artifact.details,
        artifact.sidecars,
        artifact.inference_precision,
        artifact.calibration,
        artifact.budget,
        artifact.recovery,
    )
    return seal(msgspec.to_builtins(document))


def seal(content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a manifest with this content and its SHA-256."""
    content = {**content, DIGEST: _digest(content)}
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _digest(content: Mapping[str, Any]) -> str:
    kept = {name: _canonical(value) for name, value in content.items() if name != DIGEST}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """Return a JSON value with integral numbers as integers, since other programs write 1.0 as 1."""
    if isinstance(value, Mapping):
        return {name: _canonical(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(each) for each in value]
    is_integral = isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT
    return int(value) if is_integral else value


def read_content(path: Path) -> bytes:
    """Return the bytes of a manifest.

    Raises:
        ManifestError: it cannot be read, or is too large.
    """
    return read_bytes(path, WHAT, MAX_MANIFEST_BYTES, ManifestError)


def parse(path: Path, encoded: bytes) -> Manifest:
    """Return the manifest in these bytes.

    Args:
        path: the path of the file, for messages.

    Raises:
        ManifestError: they are damaged, edited, of another version, or not a manifest.
    """
    try:
        content: dict[str, Any] = parse_json(encoded, path, WHAT, dict[str, Any])
        _check_head(path, content)
        document = convert(content, Manifest)
    except InputError as error:
        raise _damage_error(path, str(error).removeprefix(printable(f"{path}: not {WHAT}: "))) from error
    except (msgspec.ValidationError, RecursionError) as error:
        raise _damage_error(path, str(error)) from error
    if invalid := find_invalid_value(document.spec):
        raise _damage_error(path, invalid)
    _check_names(path, document)
    return document


def _damage_error(path: Path, reason: str) -> ManifestError:
    return ManifestError(f"{path}: the manifest is damaged ({reason}); export the artifact again")


def _check_head(path: Path, content: Mapping[str, Any]) -> None:
    head = convert(content, _Head)
    if head.format != FORMAT:
        raise ManifestError(
            f"{path}: not a posedeploy manifest: its format is {head.format!r}, expected {FORMAT!r}"
        )
    if head.version != VERSION:
        remedy = "upgrade posedeploy" if head.version > VERSION else "export the artifact again"
        raise ManifestError(
            f"{path}: the version of the manifest is {head.version}, expected {VERSION}; {remedy}"
        )
    if head.manifest_sha256 != _digest(content):
        raise ManifestError(
            f"{path}: the manifest was damaged or edited: its content does not have the SHA-256 in its field "
            f"{DIGEST}; export the artifact again, or remove the manifest and describe the model with "
            "`contract=FILE.toml`"
        )


def _check_names(path: Path, document: Manifest) -> None:
    """Check that the manifest names the files that an export to its target writes."""
    target = TARGETS.get(document.target)
    if target is None:
        raise ManifestError(
            f"{path}: the target of the manifest is {document.target!r}, expected one of "
            f"{', '.join(TARGETS)}; upgrade posedeploy"
        )
    models = [name for name in document.files if name.endswith(target.suffix)]
    stem = models[0].removesuffix(target.suffix) if models else ""
    if not stem or Path(stem).name != stem or "\0" in stem:
        stem = ""
    files, sidecars = target.file_names(stem), target.sidecar_names(stem)
    if not stem or document.files.keys() != set(files) or not document.sidecars.keys() <= set(sidecars):
        named = [repr(name) for name in (*document.files, *document.sidecars)]
        writes = [name if stem else f"NAME{name}" for name in (*files, *sidecars)]
        raise ManifestError(
            f"{path}: the manifest names {listed(named) or 'no file'}; expected the files of an export to "
            f"{target.name}, {', '.join(writes)}; export the artifact again"
        )
