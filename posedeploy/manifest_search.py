"""Find the manifest of a model file in its folder: the one that records its hash, whatever its name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from posedeploy.artifact_files import hash_file
from posedeploy.backends import TARGETS
from posedeploy.errors import ManifestError
from posedeploy.file_states import FileState
from posedeploy.input_files import exists_as_file, path_exists
from posedeploy.limits import MAX_MANIFEST_BYTES
from posedeploy.manifest_document import FORMAT, SUFFIX, Manifest, parse, read_content

# Browsers insert a number: ``human.onnx.posedeploy (1).json``.
_NAMED = re.compile(re.escape(SUFFIX.removesuffix(".json")) + r".*\.json$")
MAX_MANIFESTS = 1000
"""The number of manifests of one folder that are read."""


@dataclass(frozen=True)
class ManifestMatch:
    """The manifest of a model file, and the state of the file when it was hashed."""

    path: Path
    document: Manifest
    model_state: FileState


@dataclass(frozen=True)
class ManifestCandidate:
    """A manifest of another model file of the same target, and the name and hash of that file."""

    path: Path
    name: str
    sha256: str


def find_match(artifact: Path, own: Path) -> ManifestMatch | None:
    """Return the manifest that records the hash of a model file; None if none does.

    Args:
        own: the path of the manifest that is named after the file; it is read first.

    Raises:
        ArtifactError: the model file cannot be read.
    """
    digest, state = "", None
    for path in _manifests(artifact.parent, own):
        document = _parse_if_valid(path)
        if document is None:
            continue
        if state is None:
            digest, state = hash_file(artifact)
        if document.files[document.model_name] == digest:
            return ManifestMatch(path, document, state)
    return None


def find_nearest(artifact: Path, own: Path) -> ManifestCandidate | None:
    """Return the manifest of the same target whose model file is missing and has the most similar name; None
    if there is none."""
    documents = ((path, _parse_if_valid(path)) for path in _manifests(artifact.parent, own))
    candidates = [
        ManifestCandidate(path, document.model_name, document.files[document.model_name])
        for path, document in documents
        if document is not None
        and artifact.name.endswith(TARGETS[document.target].suffix)
        and not path_exists(artifact.with_name(document.model_name))
    ]
    return max(candidates, key=lambda candidate: _similarity(candidate.name, artifact.name), default=None)


def find_damaged(folder: Path, own: Path) -> ManifestError | None:
    """Return the error of the first damaged manifest in a folder; None if there is none.

    Manifests that are named after other existing files are ignored, and so are files that only have the name
    of a manifest.
    """
    for path in _manifests(folder, own):
        if _parse_if_valid(path) is not None or path_exists(path.with_name(path.name.removesuffix(SUFFIX))):
            continue
        try:
            content = read_content(path)
            if FORMAT.encode() in content:
                parse(path, content)
        except ManifestError as error:
            return error
    return None


def file_path(artifact: Path, match: ManifestMatch, name: str) -> Path:
    """Return the current path of a file that a model file needs. If the model file was renamed, the runtime
    expects its other files under the new name too."""
    suffix = TARGETS[match.document.target].suffix
    old, new = match.document.model_name.removesuffix(suffix), artifact.name.removesuffix(suffix)
    return artifact.with_name(new + name.removeprefix(old))


def _manifests(folder: Path, own: Path) -> Iterator[Path]:
    if exists_as_file(own):
        yield own
    try:
        others = (path for path in folder.iterdir() if _NAMED.search(path.name) and path != own)
        yield from sorted(islice(others, MAX_MANIFESTS))
    except OSError:  # the folder cannot be listed: only the manifest named after the file is available
        return


def _parse_if_valid(path: Path) -> Manifest | None:
    """Return a manifest; None for a damaged one or any other file."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_MANIFEST_BYTES:
            return None
        return parse(path, read_content(path))
    except (ManifestError, OSError):
        return None


def _similarity(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b).ratio()
