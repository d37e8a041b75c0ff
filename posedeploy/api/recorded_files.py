"""Where the files are now that a manifest names: the checkpoint and the mesh of an artifact."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from posedeploy import files
from posedeploy.content_kinds import kind_of_file
from posedeploy.types import Artifact

MAX_CHECKPOINTS = 50
"""How many checkpoints of one folder are hashed in search of a renamed one."""


def find_recorded(artifact: Artifact, path: str) -> Path | None:
    """Return a file that the manifest names: at its place, beside the artifact, or where it lies after a
    folder above both was moved. None where it is at none of these."""
    return next(_places(artifact, path), None)


def find_recorded_checkpoint(artifact: Artifact, path: str, sha256: str) -> Path | None:
    """Return the checkpoint that the manifest names, by its hash: at those places or, renamed, beside the
    artifact or in its former folder. Where none has the hash it is the first that has the name, or None."""
    named = list(_places(artifact, path))
    renamed = (each for folder in (artifact.path.parent, Path(path).parent) for each in _checkpoints(folder))
    return next((each for each in (*named, *renamed) if _has_hash(each, sha256)), next(iter(named), None))


def _places(artifact: Artifact, path: str) -> Iterator[Path]:
    at, folder = Path(path), artifact.path.absolute().parent
    places = (
        at,
        artifact.path.with_name(at.name),
        folder.parent / at.name,
        folder.parent / at.parent.name / at.name,
    )
    return (place for place in places if _exists(place))


def _checkpoints(folder: Path) -> Iterator[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:  # missing, no folder, or not readable
        return iter(())
    return islice((path for path in paths if _may_be_checkpoint(path)), MAX_CHECKPOINTS)


def _exists(path: Path) -> bool:
    """Whether a path exists; one that this user may not examine counts as missing."""
    try:
        return path.exists()
    except OSError:
        return False


def _may_be_checkpoint(path: Path) -> bool:
    kind = kind_of_file(path)
    return kind is not None and (kind.weights or kind.packed)


def _has_hash(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and files.sha256(path) == sha256
    except OSError:  # what cannot be read is not known to be the one
        return False
