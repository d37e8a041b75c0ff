"""The camera that lays a person's 3D joints over the image: one scale and one place, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array

LEAST_SPREAD = 1e-6
"""Of joints, as a share of their distance from the origin: below it all lie at one place but for rounding."""


@dataclass(frozen=True)
class WeakPerspective:
    """A camera far away: ``px = scale * (x, y) + translation``; depth changes nothing.

    scale: px of the image for each mm. translation: (x, y) px of the image where the origin lies.
    """

    scale: float
    translation: tuple[float, float]

    def project(self, points_mm: Array) -> Array:
        """(…, 2) px of (…, 3) mm."""
        pixels: Array = self.scale * points_mm[..., :2] + np.array(self.translation)
        return pixels

    def position_mm(self, focal_px: float, image_size: tuple[int, int]) -> Array:
        """(3,) where the origin is for a camera of this focal length, which sees so much of a px so far
        away.

        ``image_size`` is (width, height) in px.
        """
        from_middle = np.array(self.translation) - np.array(image_size) / 2
        return np.array([*from_middle, focal_px]) / self.scale


def fit(joints_mm: Array, joints_px: Array, weights: Array | None = None) -> WeakPerspective:
    """The camera with the least sum of squared distances in px, each times its weight.

    The derivatives by scale and translation are linear, so that no step is searched for: about the weighted
    means, ``scale = sum(w p . q) / sum(w p . p)``, p in mm and q in px. The published demos of Pose2Mesh take
    1500 steps of gradient descent to it.

    Args:
        joints_mm: (joints, 3), x to the right and y down; z is not looked at.
        joints_px: (joints, 2), in the same order.
        weights: (joints,), the scores; what is not above 0 does not count. None: all alike.

    Raises:
        InputError: fewer than two joints count, one of them is not finite, they lie at one place, or the 3D
            joints face so far away from the 2D ones that no camera in front of them fits.
    """
    given = np.ones(len(joints_mm)) if weights is None else np.asarray(weights, np.float64)
    counts = given > 0
    space, plane, weight = joints_mm[counts, :2], joints_px[counts], given[counts, None]
    if len(weight) < 2:
        raise InputError(f"{len(weight)} joints with a score above 0; a camera needs at least 2")
    if not (np.isfinite(space).all() and np.isfinite(plane).all() and np.isfinite(weight).all()):
        raise InputError("NaN or infinity in the joints, so no camera fits; expected finite positions")
    middle_mm, middle_px = ((weight * points).sum(axis=0) / weight.sum() for points in (space, plane))
    p, q = space - middle_mm, plane - middle_px
    for points, of, unit in ((p, space, "mm"), (q, plane, "px")):
        if np.abs(points).max() <= LEAST_SPREAD * np.abs(of).max():
            raise InputError(f"the joints lie at one place in {unit}, so they tell no scale")
    scale = float((weight * p * q).sum() / (weight * p * p).sum())
    if scale <= 0:
        raise InputError("the 3D joints are turned away from the 2D ones, so no camera lays them over these")
    x, y = (middle_px - scale * middle_mm).tolist()
    return WeakPerspective(scale, (x, y))
