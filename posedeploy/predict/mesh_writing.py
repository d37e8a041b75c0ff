"""Write mesh files with trimesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh

from posedeploy.types import Array

TO_FILE = np.diag([1, -1, -1]) / 1000
"""Maps mm in the camera frame, y down and z away from the viewer, to m in glTF's frame, y up and z towards
the viewer."""


def write_mesh(path: Path, vertices_mm: Array, faces: Array) -> None:
    """Write a mesh in the format of the suffix of ``path``, ``.obj`` or ``.glb``, in m with y up.

    Vertices keep their order.

    Args:
        vertices_mm: (vertices, 3) in the camera frame. faces: (triangles, 3) vertex numbers.
    """
    mesh = trimesh.Trimesh(vertices_mm @ TO_FILE, faces, process=False)
    mesh.export(path)
