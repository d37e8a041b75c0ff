"""The manifest of an artifact: a file ``FILE.posedeploy.json`` next to it, or embedded in the model file.

A manifest belongs to the file whose hash it records, whatever the names.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from posedeploy import embedded_manifest, files
from posedeploy.artifact_files import hash_file
from posedeploy.errors import ArtifactError, ManifestError
from posedeploy.file_states import FileState, state_of
from posedeploy.input_files import exists_as_file
from posedeploy.manifest_document import SUFFIX, Manifest, encode, parse, read_content
from posedeploy.manifest_search import (
    ManifestMatch,
    file_path,
    find_damaged,
    find_match,
    find_nearest,
)
from posedeploy.staging.reading import read_consistently
from posedeploy.types import Artifact


def path_of(artifact: Path) -> Path:
    """Return the path of the manifest of a model file."""
    return artifact.with_name(artifact.name + SUFFIX)


_consistently = read_consistently(lambda artifact: (artifact, path_of(artifact)))


def write(artifact: Artifact, folder: Path) -> None:
    """Write the manifest of a complete artifact (with hashes and provenance) into ``folder``."""
    (folder / path_of(artifact.path).name).write_bytes(encode(artifact))


def write_inside(artifact: Artifact, folder: Path) -> Artifact:
    """Embed the manifest of a complete artifact in its model file in ``folder``, and return the artifact with
    the new hash of the file."""
    path = folder / artifact.path.name
    embedded_manifest.append(path, encode(artifact))
    return replace(artifact, files={**artifact.files, path.name: files.sha256(path)})


@_consistently
def has_manifest(artifact: Path) -> bool:
    """Return whether a manifest belongs to a model file, next to it or embedded.

    Raises:
        ArtifactError, ManifestError: the file cannot be read, or the embedded manifest is damaged.
    """
    return artifact.is_file() and (_match(artifact) is not None or _find_embedded(artifact) is not None)


@_consistently
def locate(artifact: Path) -> str:
    """Return the name of the manifest of a model file, or ``inside the file``; '' if it has none."""
    match = _match(artifact) if artifact.is_file() else None
    if match is not None:
        return match.path.name
    return "inside the file" if artifact.is_file() and _find_embedded(artifact) is not None else ""


@_consistently
def read_recorded(artifact: Path) -> Artifact:
    """Return an artifact as recorded in its manifest, without checking its files.

    Raises:
        ManifestError: the manifest is missing, damaged, of a newer version, or of another file.
    """
    match = _match(artifact) if artifact.is_file() else None
    if match is None:
        return _by_name(artifact)
    return to_artifact(artifact, match.document, _current_hashes(artifact, match))


def _by_name(artifact: Path) -> Artifact:
    """Return an artifact as recorded in the manifest that is named after it, without checking its files."""
    path = path_of(artifact)
    if not exists_as_file(path_of(artifact)):
        raise _missing_error(artifact)
    document = parse(path, read_content(path))
    if artifact.name != document.model_name:
        raise ManifestError(
            f"{path}: it is the manifest of {', '.join(document.files)}, not of {artifact.name}, and no "
            f"manifest in the folder has the SHA-256 of {artifact.name}; export it again"
        )
    return to_artifact(artifact, document, document.files)


def _missing_error(artifact: Path) -> ManifestError:
    return ManifestError(
        f"{artifact}: it has no manifest {path_of(artifact).name}; export it again, or describe a "
        "third-party model with `contract` or `family`"
    )


@_consistently
def read(artifact: Path) -> Artifact:
    """Return an artifact with the content of its manifest, after checking the hashes of its files.

    The manifest is the one in the same folder, of any name, that records the hash of the file, or else the
    embedded one, whose hash covers the model without the manifest. ``files`` has the current names of the
    files.

    Raises:
        ArtifactError: the model file is missing or unreadable.
        ManifestError: the manifest is missing, damaged, of a newer version, or of other files.
    """
    if not artifact.is_file():
        raise ArtifactError(
            f"{artifact}: {'is a folder, not a model file' if artifact.is_dir() else 'no such file'}"
        )
    recorded = find(artifact)
    if recorded is None:
        raise _missing_error(artifact)
    return recorded


@_consistently
def find(artifact: Path) -> Artifact | None:
    """Return ``read`` of an existing model file; None if no manifest has its hash or is named after it.

    Raises:
        ArtifactError, ManifestError: as of ``read``.
    """
    match = _match(artifact)
    if match is not None:
        states = _check_files(artifact, match)
        return replace(to_artifact(artifact, match.document, _current_hashes(artifact, match)), states=states)
    state = state_of(artifact)
    inside = _find_embedded(artifact)
    if inside is not None:
        return replace(_read_inside(artifact, inside), states={artifact.name: state})
    if not exists_as_file(path_of(artifact)):
        return None
    recorded, own = _by_name(artifact).files[artifact.name], hash_file(artifact)[0]
    raise ManifestError(
        f"{artifact}: its SHA-256 is {own[:12]}..., but {path_of(artifact).name} records "
        f"{recorded[:12]}..., and no other manifest in the folder records {own[:12]}...: the file was "
        "changed after it was exported, or is another file; export it again, or describe a third-party "
        "model with `contract` or `family`"
    )


def describe_nearest(artifact: Path) -> str:
    """Return a sentence about the likely former manifest of a model file without one; '' for none."""
    candidate = find_nearest(artifact, path_of(artifact))
    damaged = find_damaged(artifact.parent, path_of(artifact)) if candidate is None else None
    if candidate is None and damaged is None:
        return ""
    digest = hash_file(artifact)[0]
    reason = f"{artifact}: no manifest in the folder records its SHA-256, {digest[:12]}..."
    if candidate is None:
        return f"{reason}; {damaged}"
    return (
        f"{reason}; the closest one is {candidate.path.name}, which records {candidate.sha256[:12]}... for "
        f"the missing file {candidate.name}; if this file was {candidate.name}, it was changed after the "
        "export: export it again"
    )


def outdated(artifact: Path) -> list[str]:
    """Return the names of the sidecar files that a new export to this path must remove.

    These are the unchanged regular files that the manifest records; none without a manifest.
    """
    try:
        written = _by_name(artifact).sidecars
    except (ArtifactError, ManifestError):
        return []
    return [name for name, recorded in written.items() if _is_unchanged(artifact.parent / name, recorded)]


def _is_unchanged(path: Path, recorded: str) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode) and files.sha256(path) == recorded
    except OSError:  # an unreadable file may not be ours
        return False


def _match(artifact: Path) -> ManifestMatch | None:
    """Return the manifest that records the hash of a model file; None if none does.

    Raises:
        ManifestError: none does, and the one that is named after the file cannot be read.
    """
    match = find_match(artifact, path_of(artifact))
    if match is None and exists_as_file(path_of(artifact)):
        parse(path_of(artifact), read_content(path_of(artifact)))
    return match


def _check_files(artifact: Path, match: ManifestMatch) -> dict[str, FileState]:
    """Check the hashes of the files of an artifact, and return their states by their current names."""
    states = {artifact.name: match.model_state}
    for name, recorded in match.document.files.items():
        if name != match.document.model_name:
            path = file_path(artifact, match, name)
            states[path.name] = _check_hash(path, recorded, match.path, name)
    return states


def _current_hashes(artifact: Path, match: ManifestMatch) -> dict[str, str]:
    """Return the recorded hashes by the current names of the files."""
    files = match.document.files.items()
    return {file_path(artifact, match, name).name: recorded for name, recorded in files}


def to_artifact(path: Path, document: Manifest, hashes: Mapping[str, str]) -> Artifact:
    """Return the artifact that a manifest describes. hashes: of its files, by their current names."""
    return Artifact(
        path,
        document.target,
        document.spec,
        document.precision,
        hashes,
        document.provenance,
        document.details,
        document.sidecars,
        inference_precision=document.inference_precision,
        calibration=document.calibration,
        budget=document.budget,
        recovery=document.recovery,
    )


def _find_embedded(artifact: Path) -> embedded_manifest.EmbeddedManifest | None:
    try:
        return embedded_manifest.read(artifact)
    except OSError as error:
        raise ArtifactError(f"{artifact}: cannot be read ({error.strerror})") from error
    except embedded_manifest.DamagedError as error:
        raise ManifestError(
            f"{artifact}: the manifest inside is damaged ({error}); export the artifact again"
        ) from error


def _read_inside(artifact: Path, inside: embedded_manifest.EmbeddedManifest) -> Artifact:
    document = parse(artifact, inside.content)
    digest, whole = embedded_manifest.hash_both(artifact, inside.model_size)
    if document.files[document.model_name] != digest:
        raise ManifestError(
            f"{artifact}: its model has the SHA-256 {digest[:12]}..., but its embedded manifest records "
            "another one: the file was changed after it was exported; export it again"
        )
    return to_artifact(artifact, document, {artifact.name: whole})


def _check_hash(path: Path, recorded: str, manifest: Path, name: str) -> FileState:
    """Check the hash of a file that the model file needs, and return its state.

    Args:
        name: the name of the file in the manifest.
    """
    if not path.is_file():
        former = path.with_name(name)
        if path.name != name and _is_unchanged(former, recorded):
            raise ManifestError(
                f"{path}: missing: the model file was renamed without it; rename {former} to {path.name}"
            )
        raise ManifestError(f"{manifest}: it lists {path.name}, which is missing; export the artifact again")
    digest, state = hash_file(path)
    if digest != recorded:
        raise ManifestError(
            f"{path}: its SHA-256 is {digest[:12]}..., but its manifest records {recorded[:12]}...: the file "
            "was changed after it was exported, or the manifest belongs to another file; export it again"
        )
    return state
