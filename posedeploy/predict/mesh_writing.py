"""A mesh becomes a file by trimesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh

from posedeploy.types import Array

TO_FILE = np.diag([1, -1, -1]) / 1000
"""From mm in the camera's directions, y down and z away, to m with y up and z towards the viewer, as glTF has
it."""


def write_mesh(path: Path, vertices_mm: Array, faces: Array) -> None:
    """Write (vertices, 3) mm and (triangles, 3) vertex numbers as the ``.obj`` or ``.glb`` that ``path``
    says, in m with y up; vertices keep their order."""
    mesh = trimesh.Trimesh(vertices_mm @ TO_FILE, faces, process=False)
    mesh.export(path)
