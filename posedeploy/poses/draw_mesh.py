"""Draw a person's mesh over the image: shaded triangles from back to front."""

from __future__ import annotations

import cv2
import numpy as np

from posedeploy.poses.draw import SHIFT, Color, to_fixed_point
from posedeploy.poses.weak_perspective import WeakPerspective
from posedeploy.types import Array

LIGHT = np.array([-0.3, -0.5, -0.8]) / np.linalg.norm([-0.3, -0.5, -0.8])
"""Direction towards the light, above and slightly left of the camera; y points down and z away."""
AMBIENT = 0.3
OPACITY = 0.85


def draw_mesh(image: Array, vertices_mm: Array, faces: Array, camera: WeakPerspective, color: Color) -> None:
    """Draw a mesh into a (H, W, 3) uint8 BGR image.

    Each triangle has one shade (Lambert's law), equal on both sides, because the orientation of triangles
    differs between mesh files.

    Args:
        vertices_mm: (vertices, 3), x to the right, y down and z away from the camera.
        faces: (triangles, 3) vertex numbers.
    """
    corners = vertices_mm[faces]
    order = np.argsort(-corners[..., 2].mean(axis=1), kind="stable")
    corners = corners[order]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.maximum(np.linalg.norm(normals, axis=1), np.finfo(np.float64).tiny)
    shades = AMBIENT + (1 - AMBIENT) * np.abs(normals @ LIGHT) / lengths
    colors = (shades[:, None] * np.array(color)).tolist()
    drawn = image.copy()
    for triangle, shade in zip(to_fixed_point(camera.project(corners)), colors, strict=True):
        cv2.fillConvexPoly(drawn, triangle, shade, cv2.LINE_8, SHIFT)
    cv2.addWeighted(drawn, OPACITY, image, 1 - OPACITY, 0, dst=image)
