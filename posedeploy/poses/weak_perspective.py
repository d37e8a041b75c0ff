"""The weak-perspective camera that projects a person's 3D joints onto its 2D joints, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array

MIN_SPREAD = 1e-6
"""Minimum spread of joints, relative to their distance from the origin; a smaller one is rounding noise."""


@dataclass(frozen=True)
class WeakPerspective:
    """A camera that ignores depth: ``px = scale * (x, y) + translation``.

    scale: px of the image per mm. translation: x, y of the origin in px of the image.
    """

    scale: float
    translation: tuple[float, float]

    def project(self, points_mm: Array) -> Array:
        """Project (…, 3) mm to (…, 2) px."""
        pixels: Array = self.scale * points_mm[..., :2] + np.array(self.translation)
        return pixels

    def position_mm(self, focal_px: float, image_size: tuple[int, int]) -> Array:
        """Return the (3,) origin in the coordinates of a camera with this focal length and the same scale.

        ``image_size`` is (width, height) in px.
        """
        from_center = np.array(self.translation) - np.array(image_size) / 2
        return np.array([*from_center, focal_px]) / self.scale


def fit_camera(joints_mm: Array, joints_px: Array, weights: Array | None = None) -> WeakPerspective:
    """Return the camera with the minimum weighted sum of squared distances in px.

    The problem is linear in scale and translation. With p in mm and q in px relative to their weighted means,
    ``scale = sum(w p . q) / sum(w p . p)``. The published demos of Pose2Mesh approach it in 1500 steps of
    gradient descent.

    Args:
        joints_mm: (joints, 3), x to the right and y down; z is not used.
        joints_px: (joints, 2), in the same order.
        weights: (joints,) scores; joints without a score above 0 are ignored. None: equal weights.

    Raises:
        InputError: fewer than two joints have weight, one of them is not finite, all have the same position,
            or the best scale is not positive.
    """
    weights = np.ones(len(joints_mm)) if weights is None else np.asarray(weights, np.float64)
    used = weights > 0
    space, plane, weight = joints_mm[used, :2], joints_px[used], weights[used, None]
    if len(weight) < 2:
        raise InputError(f"{len(weight)} joints with a score above 0; a camera needs at least 2")
    if not (np.isfinite(space).all() and np.isfinite(plane).all() and np.isfinite(weight).all()):
        raise InputError("NaN or infinity in the joints, so no camera fits; expected finite positions")
    middle_mm, middle_px = ((weight * points).sum(axis=0) / weight.sum() for points in (space, plane))
    p, q = space - middle_mm, plane - middle_px
    for points, of, unit in ((p, space, "mm"), (q, plane, "px")):
        if np.abs(points).max() <= MIN_SPREAD * np.abs(of).max():
            raise InputError(f"all joints have the same position in {unit}, so the scale is unknown")
    scale = float((weight * p * q).sum() / (weight * p * p).sum())
    if scale <= 0:
        raise InputError("no camera projects the 3D joints onto the 2D joints: they face opposite directions")
    x, y = (middle_px - scale * middle_mm).tolist()
    return WeakPerspective(scale, (x, y))
