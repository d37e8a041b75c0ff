"""Positions of keypoints between the cells of a heatmap.

The published decodings return cells. A network is trained on Gaussians, and the logarithm of a Gaussian is a
parabola: its maximum follows from the 3x3 values around the highest cell by one Newton step, as in DARK
(Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation", 2020).
"""

from __future__ import annotations

import numpy as np

from posedeploy.poses.maps import UPSAMPLE
from posedeploy.poses.peaks import Peaks
from posedeploy.types import Array

HALF_CELL = 0.5
"""The most that refinement moves a position along an axis, in cells of the network's heatmap."""
MIN_SHARE = 0.01
"""Values below this share of the peak count as it, since the logarithm of 0 is infinite."""
MAX_CORRELATION = 0.5
"""The most that the axes of the parabola may depend on each other, from 0 to 1; a flat 3x3 area would
otherwise have its maximum far away."""
MIN_CURVATURE = 1e-9


def refine_cells(maps: Array, channels: Array, cells: Array) -> Array:
    """Return (points, 2) float64 x, y in cells of the maps, at most ``HALF_CELL`` from ``cells``.

    A point whose highest value is not above 0 stays where it is.

    Args:
        maps: (channels, h, w).
        channels: (points,) the map of each point.
        cells: (points, 2) x, y of peaks in cells; the highest of the cells around a fraction is the peak.
    """
    peaks = _find_highest(maps, channels, cells)
    patches = _patches(maps, channels, peaks)
    refined = peaks + _offsets(patches)
    usable = (patches[:, 1, 1] > 0) & np.isfinite(refined).all(axis=1)
    moved = np.clip(np.where(usable[:, None], refined, cells) - cells, -HALF_CELL, HALF_CELL)
    positions: Array = cells + moved
    return positions


def refine_peaks(heatmaps: Array, peaks: Peaks) -> Array:
    """Return (peaks, 2) float64 x, y in px of the upsampled map.

    Args:
        heatmaps: (channels, h, w), before they were upsampled.
    """
    channels = np.repeat(np.arange(len(peaks.first) - 1), np.diff(peaks.first))
    # OpenCV aligns the corners of the outermost pixels, so that cell 0 has its center at px 1.5.
    center = (UPSAMPLE - 1) / 2
    cells = (np.stack([peaks.x, peaks.y], axis=1) - center) / UPSAMPLE
    positions: Array = UPSAMPLE * refine_cells(heatmaps, channels, cells) + center
    return positions


def _find_highest(maps: Array, channels: Array, cells: Array) -> Array:
    """Return (points, 2) int64 x, y of the highest of the up to four cells around each position."""
    last = np.array(maps.shape[:0:-1]) - 1
    low, high = np.floor(cells), np.ceil(cells)
    takes_high = np.array([(0, 0), (1, 0), (0, 1), (1, 1)], np.bool_)
    corners = np.clip(np.where(takes_high, high[:, None], low[:, None]), 0, last).astype(np.int64)
    values = maps[channels[:, None], corners[..., 1], corners[..., 0]]
    highest: Array = corners[np.arange(len(cells)), values.argmax(axis=1)]
    return highest


def _patches(maps: Array, channels: Array, cells: Array) -> Array:
    """Return (points, 3, 3) float64 values around each cell, mirrored at the border of the map: a peak there
    stays on the border."""
    around = np.arange(-1, 2)
    rows = _mirror(cells[:, 1:] + around, maps.shape[1])
    columns = _mirror(cells[:, :1] + around, maps.shape[2])
    values: Array = maps[channels[:, None, None], rows[:, :, None], columns[:, None, :]]
    return values.astype(np.float64)


def _mirror(index: Array, count: int) -> Array:
    index = np.abs(index)
    mirrored: Array = np.maximum(np.where(index >= count, 2 * (count - 1) - index, index), 0)
    return mirrored


def _offsets(patches: Array) -> Array:
    """Return (points, 2) x, y of the maximum of the log-parabola through (points, 3, 3) values, from the
    middle, within ``HALF_CELL``; NaN where a value is not finite or the middle is not above 0."""
    with np.errstate(all="ignore"):
        log = np.log(np.maximum(patches / patches[:, 1:2, 1:2], MIN_SHARE))
        left, right, up, down = log[:, 1, 0], log[:, 1, 2], log[:, 0, 1], log[:, 2, 1]
        dx, dy = (right - left) / 2, (down - up) / 2
        dxx = np.minimum(left + right, -MIN_CURVATURE)
        dyy = np.minimum(up + down, -MIN_CURVATURE)
        limit = MAX_CORRELATION * np.sqrt(dxx * dyy)
        dxy = np.clip((log[:, 0, 0] + log[:, 2, 2] - log[:, 0, 2] - log[:, 2, 0]) / 4, -limit, limit)
        determinant = dxx * dyy - dxy**2
        step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=1) / determinant[:, None]
    offsets: Array = np.clip(step, -HALF_CELL, HALF_CELL)
    return offsets
