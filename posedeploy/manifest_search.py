"""Which manifest in a folder belongs to a model file: the one that records its hash, whatever their names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from posedeploy import file_states
from posedeploy.backends import TARGETS
from posedeploy.errors import ArtifactError, ManifestError
from posedeploy.file_states import FileState
from posedeploy.input_files import is_there
from posedeploy.limits import MAX_MANIFEST_BYTES
from posedeploy.manifest_document import FORMAT, SUFFIX, Manifest, parse, read_content

# A browser puts a number in: ``human.onnx.posedeploy (1).json``.
_NAMED = re.compile(re.escape(SUFFIX.removesuffix(".json")) + r".*\.json$")
MAX_MANIFESTS = 1000
"""How many manifests of one folder are looked at."""


@dataclass(frozen=True)
class Match:
    """A manifest that belongs to a model file, and the state in which that has the hash."""

    path: Path
    document: Manifest
    model_state: FileState


@dataclass(frozen=True)
class Candidate:
    """A manifest that does not belong to a model file, and the file of that target that it does belong to."""

    path: Path
    name: str
    sha256: str


def find_match(artifact: Path, own: Path) -> Match | None:
    """Return the manifest that records the hash of a model file; None where none does.

    Args:
        own: the one that is named for the file, which goes before the others.

    Raises:
        ArtifactError: the model file cannot be read.
    """
    digest, state = "", None
    for path in _manifests(artifact.parent, own):
        document = _readable(path)
        if document is None:
            continue
        if state is None:
            digest, state = hash_file(artifact)
        if document.files[document.model_name] == digest:
            return Match(path, document, state)
    return None


def find_nearest(artifact: Path, own: Path) -> Candidate | None:
    """Return the manifest of the file's target whose own model file is gone from the folder and whose name is
    most like the file's; None where there is none."""
    documents = ((path, _readable(path)) for path in _manifests(artifact.parent, own))
    found = [
        Candidate(path, document.model_name, document.files[document.model_name])
        for path, document in documents
        if document is not None
        and artifact.name.endswith(TARGETS[document.target].suffix)
        and not _exists(artifact.with_name(document.model_name))
    ]
    return max(found, key=lambda candidate: _likeness(candidate.name, artifact.name), default=None)


def find_damaged(folder: Path, own: Path) -> ManifestError | None:
    """Return what is wrong with the first damaged manifest in a folder that is not named for another file
    there; None for none. Files that only have the name of a manifest are left out."""
    for path in _manifests(folder, own):
        if _readable(path) is not None or _exists(path.with_name(path.name.removesuffix(SUFFIX))):
            continue
        try:
            content = read_content(path)
            if FORMAT.encode() in content:
                parse(path, content)
        except ManifestError as error:
            return error
    return None


def companion_path(artifact: Path, found: Match, name: str) -> Path:
    """Return where a file lies that belongs to a model file, which may have been renamed since: runtimes look
    for it under the model file's name."""
    suffix = TARGETS[found.document.target].suffix
    before, after = found.document.model_name.removesuffix(suffix), artifact.name.removesuffix(suffix)
    return artifact.with_name(after + name.removeprefix(before))


def hash_file(path: Path) -> tuple[str, FileState]:
    """Return the SHA-256 of a file that belongs to an artifact, and the state in which it has it.

    Raises:
        ArtifactError: it cannot be read.
    """
    try:
        return file_states.hash_file(path)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror})") from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for the file system
        return False


def _manifests(folder: Path, own: Path) -> Iterator[Path]:
    if is_there(own):
        yield own
    try:
        others = (path for path in folder.iterdir() if _NAMED.search(path.name) and path != own)
        yield from sorted(islice(others, MAX_MANIFESTS))
    except OSError:  # a folder that may be passed through and not listed: what is named for the file remains
        return


def _readable(path: Path) -> Manifest | None:
    """A manifest; None for what is no whole one, which may be any other file of the folder."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_MANIFEST_BYTES:
            return None
        return parse(path, read_content(path))
    except (ManifestError, OSError):
        return None


def _likeness(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b).ratio()
