"""The triangles of the mesh that a network gives."""

from __future__ import annotations

import logging
from pathlib import Path

from posedeploy.api.recorded_files import find_recorded
from posedeploy.errors import InputError
from posedeploy.families import mesh_output
from posedeploy.meshes.topology import read_mesh
from posedeploy.types import Array, Artifact

logger = logging.getLogger(__name__)


def faces_of(path: Path | None, artifact: Artifact) -> Array | None:
    """Return the (triangles, 3) of the mesh that the network gives; None without.

    Args:
        path: the file that has them; None takes the one of the export, if it is unchanged.

    Raises:
        InputError: the network gives no mesh, or another than the user's file has.
    """
    spec, made = artifact.spec, artifact.provenance
    vertices = mesh_output(spec)
    counts = [] if vertices is None else [vertices.shape[1]]
    if path is None:
        return _recorded_faces(artifact, counts) if counts else None
    if not counts:
        raise InputError(f"`mesh={path}`: {spec.family} ({spec.variant}) gives no mesh; leave it out")
    mesh = read_mesh(path)
    if counts != [mesh.vertices]:
        raise InputError(
            f"`mesh={path}`: its triangles are of {mesh.vertices} vertices, and {artifact.path.name} gives "
            f"{counts[0]}; give the mesh that it was trained on"
        )
    if made is not None and made.mesh_sha256 not in (None, mesh.sha256):
        raise InputError(
            f"`mesh={path}`: its triangles are not those that {artifact.path.name} was exported with "
            f"({made.mesh}, as it was then); give that mesh"
        )
    return mesh.faces


def _recorded_faces(artifact: Artifact, counts: list[int | str]) -> Array | None:
    made = artifact.provenance
    if made is None or made.mesh is None:
        return None
    path = find_recorded(artifact, made.mesh)
    if path is None:
        logger.info(f"{made.mesh}, the mesh that {artifact.path.name} was exported with, is not there")
        return None
    try:
        mesh = read_mesh(path)
    except InputError as error:
        logger.info(f"{path}: {error.problem}")
        return None
    if made.mesh_sha256 not in (None, mesh.sha256) or counts != [mesh.vertices]:
        logger.info(f"{path}: its triangles changed since {artifact.path.name} was exported")
        return None
    return mesh.faces
