"""Search for the files that a manifest names: the checkpoint and the mesh of an artifact."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from posedeploy.checkpoints.content_hash import hash_checkpoint
from posedeploy.content_kinds import kind_of_file
from posedeploy.errors import InputError
from posedeploy.input_files import path_exists
from posedeploy.meshes.topology import read_mesh
from posedeploy.types import Artifact

MAX_CHECKPOINTS = 50
"""Maximum number of checkpoints of one folder that are hashed in search of a renamed one."""


def find_recorded_mesh(artifact: Artifact, path: str, sha256: str | None) -> Path | None:
    """Return the file with these triangles, or the first one with the recorded name, or None.

    It is searched for at its path, and below each folder that contains the artifact, where it is if a folder
    that contains both was moved.
    """
    named = list(_candidates(artifact, path))
    return next((each for each in named if _has_triangles(each, sha256)), next(iter(named), None))


def find_recorded_checkpoint(artifact: Artifact, path: str, sha256: str) -> Path | None:
    """Return the checkpoint with this hash, or the first one with the recorded name, or None.

    It is searched for as in ``find_recorded_mesh`` and, under other names, in the artifact's folder and in
    its original folder.
    """
    named = list(_candidates(artifact, path))
    renamed = (each for folder in (artifact.path.parent, Path(path).parent) for each in _checkpoints(folder))
    return next(
        (each for each in (*named, *renamed) if hash_checkpoint(each) == sha256), next(iter(named), None)
    )


def _candidates(artifact: Artifact, path: str) -> Iterator[Path]:
    recorded = Path(path)
    names = recorded.relative_to(recorded.anchor).parts
    below = (
        folder.joinpath(*names[start:])
        for folder in artifact.path.absolute().parents
        for start in range(len(names) - 1, -1, -1)
    )
    return (candidate for candidate in (recorded, *below) if path_exists(candidate))


def _checkpoints(folder: Path) -> Iterator[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:  # missing, no folder, or not readable
        return iter(())
    return islice((path for path in paths if _may_be_checkpoint(path)), MAX_CHECKPOINTS)


def _may_be_checkpoint(path: Path) -> bool:
    kind = kind_of_file(path)
    return kind is not None and (kind.weights or kind.packed)


def _has_triangles(path: Path, sha256: str | None) -> bool:
    try:
        return sha256 is None or read_mesh(path).sha256 == sha256
    except InputError:
        return False
