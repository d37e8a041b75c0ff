"""Positions between the cells of heatmaps by DARK, with and without UDP, as published.

Sources: Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation"
(arXiv:1910.06278); Huang et al., "The Devil is in the Details" (arXiv:1911.07524), for UDP. Constants as in
MMPose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np

from posedeploy.types import Array

MIN_VALUE, MIN_UDP_VALUE, MAX_UDP_VALUE = 1e-10, 1e-3, 50.0
EPSILON = float(np.finfo(np.float32).eps)
"""Added to the diagonal of the second derivatives with UDP, so that they can be inverted."""


Border: TypeAlias = Literal["zeros", "mirror", "reflect"]
CV2_BORDERS = {"mirror": cv2.BORDER_REFLECT_101, "reflect": cv2.BORDER_REFLECT}


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur of heatmaps.

    kernel: its size in cells, odd: 11 for maps of sigma 2, 17 for sigma 3. sigma: in cells; 0 derives
    it from the kernel, as OpenCV does. border: the values around a map: ``zeros``, after which each map is
    scaled to its largest value before the blur; the map mirrored at its outermost cells (``mirror``) or at
    its edges (``reflect``).
    """

    kernel: int
    sigma: float
    border: Border

    def apply(self, maps: Array) -> Array:
        """Return the blurred (joints, h, w) maps."""
        return self._on_zeros(maps) if self.border == "zeros" else self._blur(maps, CV2_BORDERS[self.border])

    def _blur(self, maps: Array, border: int) -> Array:
        size = (self.kernel, self.kernel)
        return np.stack([cv2.GaussianBlur(each, size, self.sigma, borderType=border) for each in maps])

    def _on_zeros(self, maps: Array) -> Array:
        margin = self.kernel // 2
        padded = np.pad(maps, ((0, 0), (margin, margin), (margin, margin)))
        height, width = maps.shape[1:]
        blurred = self._blur(padded, cv2.BORDER_REFLECT_101)[
            :, margin : margin + height, margin : margin + width
        ]
        highest = blurred.max(axis=(1, 2), keepdims=True)
        scaled: Array = blurred * np.divide(
            maps.max(axis=(1, 2), keepdims=True), highest, out=np.ones_like(highest), where=highest > 0
        )
        return scaled


def refine_dark(maps: Array, cells: Array, blur: Blur) -> Array:
    """Return (joints, 2) float64 x, y in cells, by one Newton step on the logarithm of the blurred maps.

    Derivatives span two cells, so a peak within two cells of the border stays where it is.

    Args:
        maps: (joints, h, w) float32.
        cells: (joints, 2) int64 x, y of the highest cell of each map.
    """
    height, width = maps.shape[1:]
    inside = np.all((cells > 1) & (cells < np.array([width, height]) - 2), axis=1, keepdims=True)
    log = np.log(np.maximum(blur.apply(maps), MIN_VALUE))
    patches = _patches(log, cells, 2)
    dx, dy = (patches[:, 2, 3] - patches[:, 2, 1]) / 2, (patches[:, 3, 2] - patches[:, 1, 2]) / 2
    middle = 2 * patches[:, 2, 2]
    dxx = (patches[:, 2, 4] - middle + patches[:, 2, 0]) / 4
    dyy = (patches[:, 4, 2] - middle + patches[:, 0, 2]) / 4
    dxy = (patches[:, 3, 3] - patches[:, 1, 3] - patches[:, 3, 1] + patches[:, 1, 1]) / 4
    step = _newton_step(dx, dy, dxx, dxy, dyy)
    positions: Array = cells + np.where(inside, step, 0.0)
    return positions


def refine_dark_udp(maps: Array, cells: Array, blur: Blur) -> Array:
    """Return the positions of ``refine_dark`` with derivatives that span one cell, at the border too.

    Arguments are those of ``refine_dark``.
    """
    patches = _patches(np.log(np.clip(blur.apply(maps), MIN_UDP_VALUE, MAX_UDP_VALUE)), cells, 1)
    up, left, middle, right, down = (
        patches[:, row, column] for row, column in ((0, 1), (1, 0), (1, 1), (1, 2), (2, 1))
    )
    dxy = (patches[:, 2, 2] - right - down + 2 * middle - left - up + patches[:, 0, 0]) / 2
    dxx, dyy = right - 2 * middle + left, down - 2 * middle + up
    step = _newton_step((right - left) / 2, (down - up) / 2, dxx + EPSILON, dxy, dyy + EPSILON)
    positions: Array = cells + step
    return positions


def _newton_step(dx: Array, dy: Array, dxx: Array, dxy: Array, dyy: Array) -> Array:
    """Return (joints, 2) x, y from the derivatives; 0 where a step is not finite."""
    with np.errstate(all="ignore"):
        determinant = dxx * dyy - dxy**2
        step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=1) / determinant[:, None]
    finite: Array = np.where(np.isfinite(step), step, 0.0)
    return finite


def _patches(maps: Array, cells: Array, reach: int) -> Array:
    """Return (joints, 2 reach + 1, 2 reach + 1) float64 values around each cell; outside, those of the
    border."""
    around = np.arange(-reach, reach + 1)
    rows = np.clip(cells[:, 1:] + around, 0, maps.shape[1] - 1)
    columns = np.clip(cells[:, :1] + around, 0, maps.shape[2] - 1)
    values: Array = maps[np.arange(len(maps))[:, None, None], rows[:, :, None], columns[:, None, :]]
    return values.astype(np.float64)
