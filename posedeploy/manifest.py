"""The manifest of an artifact: beside it as ``FILE.posedeploy.json``, and in some files inside.

It belongs to the file whose hash it records, whatever the two are called.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from posedeploy import embedded_manifest, files
from posedeploy.errors import ArtifactError, ManifestError
from posedeploy.file_states import FileState, state_of
from posedeploy.input_files import is_there
from posedeploy.manifest_document import SUFFIX, Manifest, encode, parse, read_content
from posedeploy.manifest_search import (
    Match,
    companion_path,
    find_damaged,
    find_match,
    find_nearest,
    hash_file,
)
from posedeploy.staging.reading import reads_one_set
from posedeploy.types import Artifact


def path_of(artifact: Path) -> Path:
    """Where the manifest of a model file lies."""
    return artifact.with_name(artifact.name + SUFFIX)


_of_one_set = reads_one_set(lambda artifact: (artifact, path_of(artifact)))


def write(artifact: Artifact, folder: Path) -> None:
    """Write the manifest of an artifact that is complete (hashes, provenance) into ``folder``."""
    (folder / path_of(artifact.path).name).write_bytes(encode(artifact))


def write_inside(artifact: Artifact, folder: Path) -> Artifact:
    """Put the manifest of an artifact that is complete into its model file, which lies in ``folder``; the
    artifact with the hash that the file has then."""
    path = folder / artifact.path.name
    embedded_manifest.append(path, encode(artifact))
    return replace(artifact, files={**artifact.files, path.name: files.sha256(path)})


@_of_one_set
def has_one(artifact: Path) -> bool:
    """Whether a manifest belongs to a model file, beside it or inside.

    Raises:
        ArtifactError, ManifestError: the file cannot be read, or the manifest inside is damaged.
    """
    return artifact.is_file() and (_match(artifact) is not None or _inside(artifact) is not None)


@_of_one_set
def place(artifact: Path) -> str:
    """Where the manifest of a model file is: its name, or ``inside the file``; '' where it has none."""
    found = _match(artifact) if artifact.is_file() else None
    if found is not None:
        return found.path.name
    return "inside the file" if artifact.is_file() and _inside(artifact) is not None else ""


@_of_one_set
def described(artifact: Path) -> Artifact:
    """An artifact as its manifest says it is, whatever has become of its files.

    Raises:
        ManifestError: there is no manifest, it is damaged or of a newer version, or another's.
    """
    found = _match(artifact) if artifact.is_file() else None
    if found is None:
        return _by_name(artifact)
    return _artifact(artifact, found.document, dict(_names_now(artifact, found)))


def _by_name(artifact: Path) -> Artifact:
    """What the manifest says that is named for a file, whatever has become of that."""
    path = path_of(artifact)
    if not is_there(path_of(artifact)):
        raise _missing(artifact)
    document = parse(path, read_content(path))
    if artifact.name != document.model_name:
        raise ManifestError(
            f"{path}: it belongs to {', '.join(document.files)}, not to {artifact.name}, whose SHA-256 no "
            "manifest beside it records; export it again"
        )
    return _artifact(artifact, document, document.files)


def _missing(artifact: Path) -> ManifestError:
    return ManifestError(
        f"{artifact}: there is no manifest {path_of(artifact).name} beside it; export it again, or describe "
        "a third-party model with `contract` or `family`"
    )


@_of_one_set
def read(artifact: Path) -> Artifact:
    """An artifact with what its manifest says, its files checked against the hashes in it.

    The manifest is that beside the file, under whatever name, which records its hash, or else the one inside
    of it; that one's hash is of the model without it. ``files`` has the names that the files have now.

    Raises:
        ArtifactError: the model file is missing or unreadable.
        ManifestError: there is no manifest, it is damaged or of a newer version, or it belongs to
            other files.
    """
    if not artifact.is_file():
        raise ArtifactError(
            f"{artifact}: {'is a folder, not a model file' if artifact.is_dir() else 'no such file'}"
        )
    found = find(artifact)
    if found is None:
        raise _missing(artifact)
    return found


@_of_one_set
def find(artifact: Path) -> Artifact | None:
    """``read`` for a model file that is there; None where no manifest has its hash or is named for it.

    Raises:
        ArtifactError, ManifestError: as of ``read``.
    """
    found = _match(artifact)
    if found is not None:
        states = _check_files(artifact, found)
        return replace(_artifact(artifact, found.document, dict(_names_now(artifact, found))), states=states)
    state = state_of(artifact)
    inside = _inside(artifact)
    if inside is not None:
        return replace(_read_inside(artifact, inside), states={artifact.name: state})
    if not is_there(path_of(artifact)):
        return None
    recorded, own = _by_name(artifact).files[artifact.name], hash_file(artifact)[0]
    raise ManifestError(
        f"{artifact}: its SHA-256 is {own[:12]}... but {path_of(artifact).name} records "
        f"{recorded[:12]}..., and no other manifest in the folder records the first: the file was changed "
        "after it was exported, or is another file; export it again, or describe a third-party model with "
        "`contract` or `family`"
    )


def describe_nearest(artifact: Path) -> str:
    """Return a sentence on the manifest that a model file without one may once have had; '' for none."""
    candidate = find_nearest(artifact, path_of(artifact))
    damaged = find_damaged(artifact.parent, path_of(artifact)) if candidate is None else None
    if candidate is None and damaged is None:
        return ""
    digest = hash_file(artifact)[0]
    found = f"{artifact}: no manifest in the folder records its SHA-256, {digest[:12]}..."
    if candidate is None:
        return f"{found}; {damaged}"
    return (
        f"{found}; the nearest is {candidate.path.name}, which records {candidate.sha256[:12]}... for "
        f"{candidate.name}, a file that is missing. If this file was {candidate.name}, it changed after the "
        "export; export it again"
    )


def outdated(artifact: Path) -> list[str]:
    """Return the names of the files beside an artifact that a new one in its place makes outdated: its
    sidecar files, as its manifest records them, that nobody has changed since. There are none without a
    manifest, and links and folders are never among them."""
    try:
        written = _by_name(artifact).sidecars
    except (ArtifactError, ManifestError):
        return []
    return [name for name, recorded in written.items() if _holds(artifact.parent / name, recorded)]


def _holds(path: Path, recorded: str) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode) and files.sha256(path) == recorded
    except OSError:  # what cannot be read is not known to be ours
        return False


def _match(artifact: Path) -> Match | None:
    """The manifest that records the hash of a model file; None where none does.

    Raises:
        ManifestError: the one that is named for it cannot be read, and no other does.
    """
    found = find_match(artifact, path_of(artifact))
    if found is None and is_there(path_of(artifact)):
        parse(path_of(artifact), read_content(path_of(artifact)))
    return found


def _check_files(artifact: Path, found: Match) -> dict[str, FileState]:
    """Compare an artifact's files with the hashes in the manifest.

    Returns:
        The states in which they have these hashes, by the names that they have now.
    """
    states = {artifact.name: found.model_state}
    for name, recorded in found.document.files.items():
        if name != found.document.model_name:
            path = companion_path(artifact, found, name)
            states[path.name] = _check_hash(path, recorded, found.path, name)
    return states


def _names_now(artifact: Path, found: Match) -> Iterator[tuple[str, str]]:
    for name, recorded in found.document.files.items():
        yield companion_path(artifact, found, name).name, recorded


def _artifact(path: Path, document: Manifest, hashes: Mapping[str, str]) -> Artifact:
    return Artifact(
        path,
        document.target,
        document.spec,
        document.precision,
        hashes,
        document.provenance,
        document.details,
        document.sidecars,
    )


def _inside(artifact: Path) -> embedded_manifest.EmbeddedManifest | None:
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
    found, whole = embedded_manifest.hash_both(artifact, inside.model_size)
    if document.files[document.model_name] != found:
        raise ManifestError(
            f"{artifact}: the SHA-256 of the model in it is {found[:12]}... and the manifest in it records "
            "another: the file was changed after it was exported; export it again"
        )
    return _artifact(artifact, document, {artifact.name: whole})


def _check_hash(path: Path, recorded: str, manifest: Path, name: str) -> FileState:
    """Hold a file beside a model file against the hash in the manifest.

    Args:
        name: what the manifest calls it.
    """
    if not path.is_file():
        former = path.with_name(name)
        if path.name != name and _holds(former, recorded):
            raise ManifestError(
                f"{path}: missing; the model file was renamed without it. Rename {former} to {path.name}, "
                "where the runtime looks for it"
            )
        raise ManifestError(
            f"{manifest}: it names {path.name}, which is not there; export the artifact again"
        )
    found, state = hash_file(path)
    if found != recorded:
        raise ManifestError(
            f"{path}: its SHA-256 is {found[:12]}... but its manifest records {recorded[:12]}...: the file "
            "was changed after it was exported, or the manifest is another's; export it again"
        )
    return state
