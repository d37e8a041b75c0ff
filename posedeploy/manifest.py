"""The file beside an artifact that makes it complete: ``FILE.posedeploy.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from posedeploy import files
from posedeploy.errors import ArtifactError, ManifestError
from posedeploy.types import Artifact, ModelSpec, Provenance

SUFFIX = ".posedeploy.json"
FORMAT = "posedeploy.manifest"
VERSION = 1


@dataclass(frozen=True)
class _Manifest:
    """The JSON document, field by field."""

    format: str
    version: int
    target: str
    precision: str
    files: Mapping[str, str]
    spec: ModelSpec
    provenance: Provenance
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Head:
    format: str = ""
    version: int = 0


def path_of(artifact: Path) -> Path:
    """Where the manifest of a model file lies."""
    return artifact.with_name(artifact.name + SUFFIX)


def write(artifact: Artifact, folder: Path) -> None:
    """Write the manifest of an artifact that is complete (hashes, provenance) into ``folder``."""
    assert artifact.provenance is not None, "an artifact of ours has its provenance"
    document = _Manifest(
        FORMAT,
        VERSION,
        artifact.target,
        artifact.precision,
        artifact.files,
        artifact.spec,
        artifact.provenance,
        artifact.details,
    )
    encoded = msgspec.json.format(msgspec.json.encode(document), indent=2)
    (folder / path_of(artifact.path).name).write_bytes(encoded + b"\n")


def described(artifact: Path) -> Artifact:
    """An artifact as its manifest says it is, whatever has become of its files.

    Raises:
        ManifestError: there is no manifest, it is damaged or of a newer version, or another's.
    """
    path = path_of(artifact)
    if not path.is_file():
        raise ManifestError(
            f"{artifact}: there is no manifest {path.name} beside it; export it again, or describe a model "
            "made by others with --contract or --family"
        )
    document = _parse(path)
    if artifact.name not in document.files:
        raise ManifestError(f"{path}: it belongs to {', '.join(document.files)}, not to {artifact.name}")
    return Artifact(
        artifact,
        document.target,
        document.spec,
        document.precision,
        document.files,
        document.provenance,
        document.details,
    )


def read(artifact: Path) -> Artifact:
    """An artifact with what its manifest says, its files checked against the hashes in it.

    Raises:
        ArtifactError: the model file is missing or unreadable.
        ManifestError: there is no manifest, it is damaged or of a newer version, or it belongs to
            other files.
    """
    if not artifact.is_file():
        raise ArtifactError(
            f"{artifact}: {'is a folder, not a model file' if artifact.is_dir() else 'no such file'}"
        )
    found, path = described(artifact), path_of(artifact)
    for name, recorded in found.files.items():
        if not name or Path(name).name != name:
            raise ManifestError(
                f"{path}: it names {name!r}, which is not a file beside it; export the artifact again"
            )
        _check_hash(artifact.with_name(name), recorded, path)
    return found


def _parse(path: Path) -> _Manifest:
    try:
        content = path.read_bytes()
        head = msgspec.json.decode(content, type=_Head)
        if head.format == FORMAT and head.version > VERSION:
            raise ManifestError(
                f"{path}: it has version {head.version} and this release reads up to {VERSION}; upgrade "
                "posedeploy"
            )
        if head.format != FORMAT:
            raise ManifestError(
                f"{path}: it is not a posedeploy manifest (format {head.format!r}, not {FORMAT!r})"
            )
        return msgspec.json.decode(content, type=_Manifest)
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ManifestError(
            f"{path}: the manifest is damaged ({error}); export the artifact again"
        ) from error


def _check_hash(path: Path, recorded: str, manifest: Path) -> None:
    if not path.is_file():
        raise ManifestError(
            f"{manifest}: it names {path.name}, which is not there; export the artifact again"
        )
    try:
        found = files.sha256(path)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror})") from error
    if found != recorded:
        raise ManifestError(
            f"{path}: its SHA-256 is {found[:12]}... but its manifest records {recorded[:12]}...: the file "
            "was changed after it was exported, or the manifest is another's; export it again"
        )
