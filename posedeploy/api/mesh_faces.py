"""The triangles of a network's output mesh."""

from __future__ import annotations

import logging
from pathlib import Path

from posedeploy.api.recorded_files import find_recorded_mesh
from posedeploy.errors import InputError
from posedeploy.families import mesh_output
from posedeploy.meshes.topology import read_mesh
from posedeploy.types import Array, Artifact

logger = logging.getLogger(__name__)


def load_faces(path: Path | None, artifact: Artifact) -> Array | None:
    """Return the (triangles, 3) of the network's output mesh; None if it has no mesh.

    Args:
        path: a file with the triangles; None means the file that was used for the export, if unchanged.

    Raises:
        InputError: the network has no mesh, or the file has another one.
    """
    spec, recorded = artifact.spec, artifact.provenance
    vertices = mesh_output(spec)
    counts = [] if vertices is None else [vertices.shape[1]]
    if path is None:
        return _recorded_faces(artifact, counts) if counts else None
    if not counts:
        raise InputError(f"`mesh={path}`: {spec.family} ({spec.variant}) has no mesh; leave it out")
    mesh = read_mesh(path)
    if counts != [mesh.vertices]:
        raise InputError(
            f"`mesh={path}`: a mesh of {mesh.vertices} vertices, but {artifact.path.name} has {counts[0]}; "
            "use the mesh that the network was trained on"
        )
    if recorded is not None and recorded.mesh_sha256 not in (None, mesh.sha256):
        raise InputError(
            f"`mesh={path}`: not the triangles that {artifact.path.name} was exported with; use the original "
            f"content of {recorded.mesh}"
        )
    return mesh.faces


def _recorded_faces(artifact: Artifact, counts: list[int | str]) -> Array | None:
    recorded = artifact.provenance
    if recorded is None or recorded.mesh is None:
        return None
    path = find_recorded_mesh(artifact, recorded.mesh, recorded.mesh_sha256)
    if path is None:
        logger.info(f"{recorded.mesh}: no such file; {artifact.path.name} was exported with this mesh")
        return None
    try:
        mesh = read_mesh(path)
    except InputError as error:
        logger.info(f"{path}: {error.problem}")
        return None
    if recorded.mesh_sha256 not in (None, mesh.sha256) or counts != [mesh.vertices]:
        logger.info(f"{path}: its triangles changed since {artifact.path.name} was exported")
        return None
    return mesh.faces
