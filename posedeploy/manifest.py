"""The file beside an artifact that makes it complete, ``FILE.posedeploy.json``, and the same inside of it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from posedeploy import embedded, files
from posedeploy.errors import ArtifactError, ManifestError
from posedeploy.types import Artifact, ModelSpec, Provenance

SUFFIX = ".posedeploy.json"
FORMAT = "posedeploy.manifest"
VERSION = 1


@dataclass(frozen=True)
class _Manifest:
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


def path_of(artifact: Path) -> Path:
    """Where the manifest of a model file lies."""
    return artifact.with_name(artifact.name + SUFFIX)


def write(artifact: Artifact, folder: Path) -> None:
    """Write the manifest of an artifact that is complete (hashes, provenance) into ``folder``."""
    (folder / path_of(artifact.path).name).write_bytes(_document(artifact))


def write_inside(artifact: Artifact, folder: Path) -> Artifact:
    """Put the manifest of an artifact that is complete into its model file, which lies in ``folder``; the
    artifact with the hash that the file has then."""
    path = folder / artifact.path.name
    embedded.append(path, _document(artifact))
    return replace(artifact, files={**artifact.files, path.name: files.sha256(path)})


def _document(artifact: Artifact) -> bytes:
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
        artifact.beside,
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def has_one(artifact: Path) -> bool:
    """Whether a model file has a manifest, beside it or inside."""
    return path_of(artifact).is_file() or is_inside(artifact)


def is_inside(artifact: Path) -> bool:
    """Whether the manifest of a model file is inside of it and no other lies beside it."""
    return artifact.is_file() and not path_of(artifact).is_file() and _inside(artifact) is not None


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
    document = _parse(path, _content(path))
    if artifact.name not in document.files:
        raise ManifestError(f"{path}: it belongs to {', '.join(document.files)}, not to {artifact.name}")
    return _artifact(artifact, document, document.files)


def read(artifact: Path) -> Artifact:
    """An artifact with what its manifest says, its files checked against the hashes in it.

    The manifest beside the file, or, where there is none, the one inside of it; that one's hash is of the
    model without it, and the file may have been renamed.

    Raises:
        ArtifactError: the model file is missing or unreadable.
        ManifestError: there is no manifest, it is damaged or of a newer version, or it belongs to
            other files.
    """
    if not artifact.is_file():
        raise ArtifactError(
            f"{artifact}: {'is a folder, not a model file' if artifact.is_dir() else 'no such file'}"
        )
    inside = None if path_of(artifact).is_file() else _inside(artifact)
    if inside is not None:
        return _read_inside(artifact, inside)
    found, path = described(artifact), path_of(artifact)
    for name, recorded in found.files.items():
        if not name or Path(name).name != name:
            raise ManifestError(
                f"{path}: it names {name!r}, which is not a file beside it; export the artifact again"
            )
        _check_hash(artifact.with_name(name), recorded, path)
    return found


def outdated(artifact: Path) -> list[str]:
    """The files beside an artifact that a new one in its place makes outdated: those that were written with
    it, by its manifest, and that nobody changed since. None where there is no manifest of it."""
    try:
        written = described(artifact).beside
    except ManifestError:
        return []
    plain = ((name, recorded) for name, recorded in written.items() if name == Path(name).name)
    return [name for name, recorded in plain if _holds(artifact.parent / name, recorded)]


def _holds(path: Path, recorded: str) -> bool:
    try:
        return path.is_file() and files.sha256(path) == recorded
    except OSError:  # what cannot be read is not known to be ours
        return False


def _artifact(path: Path, document: _Manifest, hashes: Mapping[str, str]) -> Artifact:
    return Artifact(
        path,
        document.target,
        document.spec,
        document.precision,
        hashes,
        document.provenance,
        document.details,
        document.beside,
    )


def _inside(artifact: Path) -> embedded.Inside | None:
    try:
        return embedded.read(artifact)
    except OSError as error:
        raise ArtifactError(f"{artifact}: cannot be read ({error.strerror})") from error
    except (zipfile.BadZipFile, RuntimeError) as error:
        raise ManifestError(
            f"{artifact}: the manifest inside is damaged ({error}); export the artifact again"
        ) from error


def _read_inside(artifact: Path, inside: embedded.Inside) -> Artifact:
    document = _parse(artifact, inside.content)
    found = embedded.sha256(artifact, inside.model_size)
    if list(document.files.values()) != [found]:
        raise ManifestError(
            f"{artifact}: the SHA-256 of the model in it is {found[:12]}... and the manifest in it records "
            "another: the file was changed after it was exported; export it again"
        )
    return _artifact(artifact, document, {artifact.name: files.sha256(artifact)})


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror})") from error


def _parse(path: Path, content: bytes) -> _Manifest:
    try:
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
        document = msgspec.json.decode(content, type=_Manifest)
        contract = document.spec.contract
        if contract is not None and (
            0 in contract.deviation or min(contract.height, contract.width, contract.multiple) < 1
        ):
            raise ManifestError(
                f"{path}: the manifest is damaged (a deviation or a length of 0); export the artifact again"
            )
        return document
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
