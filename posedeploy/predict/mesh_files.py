"""Mesh files: one for each person."""

from __future__ import annotations

from pathlib import Path

from posedeploy import plugins
from posedeploy.predict.frames import Frame
from posedeploy.predict.pictures import Names
from posedeploy.types import Array, Poses


class MeshFiles:
    """Writes a mesh file for each person of a frame, such as ``photo.person0.obj``."""

    def __init__(self, folder: Path, names: Names, faces: Array, suffix: str) -> None:
        """
        Args:
            faces: (triangles, 3) vertex numbers. suffix: ``.obj`` or ``.glb``.

        Raises:
            MissingPackageError: trimesh is not installed.
        """
        self._write = plugins.load("posedeploy.predict.mesh_writing:write_mesh")
        self._folder = folder
        self._names = names
        self._faces = faces
        self._suffix = suffix

    def write(self, frame: Frame, poses: Poses) -> list[str]:
        """Write the meshes of a frame, and return the file names in the order of the people."""
        written = []
        for person, vertices in enumerate(() if poses.vertices is None else poses.vertices):
            name = self._names.reserve(frame.name, f".person{person}{self._suffix}")
            self._write(self._folder / name, vertices, self._faces)
            written.append(name)
        return written
