"""Peaks of upsampled heatmaps as keypoint candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posedeploy.poses.maps import (
    MAX_GAIN,
    MIN_CHANNELS,
    REACH,
    UPSAMPLE,
    Crop,
    find_runs,
    upsample,
    widen,
)
from posedeploy.types import Array

THRESHOLD = np.float32(0.1)
RADIUS = 6
"""Minimum distance of two peaks of a channel, in px of the upsampled map; the one at larger x is dropped."""
BORDER = 2 * REACH
"""Cells around high values: ``REACH`` cells can contain peaks, and the neighbors of these peaks, and all that
is interpolated from them, lie in as many more."""


@dataclass(frozen=True)
class Peaks:
    """The peaks of all channels, channel by channel, each channel's in order of x, then y.

    x, y: (peaks,) int64 positions in the upsampled map. scores: (peaks,) float64 values of the map there.
    first: (channels + 1,) int64; channel c holds the peaks ``first[c]`` up to ``first[c + 1]``.
    """

    x: Array
    y: Array
    scores: Array
    first: Array


def find_peaks(heatmaps: Array) -> Peaks:
    """Return the keypoint candidates of (H, W, channels) contiguous float32 heatmaps.

    A peak is at least 0.1 and strictly greater than its four neighbors; values outside the map are smaller.
    """
    return _order([_find_candidates(heatmaps, 0, 0)], heatmaps.shape[1], heatmaps.shape[2])


def find_upsampled_peaks(maps: Array, interpolation: int) -> Peaks:
    """Return ``find_peaks`` of (channels, h, w) maps after ``upsample``.

    Only the areas where a value can reach the threshold are upsampled, with bit-identical values.
    """
    candidates = []
    for top, bottom, left, right in _find_areas(maps):
        enlarged = upsample(maps[:, top:bottom, left:right], interpolation)
        candidates.append(_find_candidates(enlarged, UPSAMPLE * top, UPSAMPLE * left))
    return _order(candidates, UPSAMPLE * maps.shape[2], len(maps))


def _find_areas(maps: Array) -> list[Crop]:
    """Return the areas with all upsampled values of at least the threshold and their neighbors, from left to
    right."""
    height, width = maps.shape[1:]
    is_high = np.abs(maps).max(axis=0) * MAX_GAIN >= THRESHOLD
    if len(maps) < MIN_CHANNELS:
        return [(0, height, 0, width)] if is_high.any() else []
    areas = []
    for left, right in find_runs(is_high.any(axis=0), 2 * BORDER):
        rows = np.flatnonzero(is_high[:, left:right].any(axis=1))
        areas.append(widen((int(rows[0]), int(rows[-1]) + 1, left, right), BORDER, (height, width)))
    return areas


def _find_candidates(heatmaps: Array, top: int, left: int) -> tuple[Array, ...]:
    """Return the channel, x, y and value of each peak of (H, W, channels) maps that begin at top and left."""
    width, channels = heatmaps.shape[1:]
    values, row = heatmaps.reshape(-1), width * channels
    # Few values reach the threshold, so each further comparison reads only those that are left.
    at = np.flatnonzero(values >= THRESHOLD)
    at = at[(at < row) | (values[at] > values.take(at - row, mode="wrap"))]
    at = at[(at >= len(values) - row) | (values[at] > values.take(at + row, mode="wrap"))]
    x, score = at // channels % width, values[at]
    is_peak = (x == 0) | (score > values.take(at - channels, mode="wrap"))
    is_peak &= (x == width - 1) | (score > values.take(at + channels, mode="wrap"))
    at, x = at[is_peak], x[is_peak]
    return at % channels, x + left, at // row + top, score[is_peak]


def _order(candidates: Sequence[tuple[Array, ...]], width: int, channels: int) -> Peaks:
    """Return the candidates in order, without those that are too close to an earlier one."""
    none = (np.zeros(0, np.int64),) * 3 + (np.zeros(0, np.float32),)
    channel, x, y, score = (np.concatenate(parts) for parts in zip(none, *candidates, strict=True))
    line = channel * (width + RADIUS) + x
    kept = np.lexsort((y, line))
    kept = kept[_suppress(line[kept].tolist(), y[kept].tolist())]
    first = np.searchsorted(channel[kept], np.arange(channels + 1))
    return Peaks(x[kept], y[kept], score[kept].astype(np.float64), first)


def _suppress(line: list[int], y: list[int]) -> list[int]:
    """Return the indices of the peaks that have no earlier kept peak closer than RADIUS.

    ``line`` is ascending: x, with the channels side by side and further apart than RADIUS.
    """
    is_dropped = [False] * len(line)
    for i, position in enumerate(line):
        if is_dropped[i]:
            continue
        for j in range(i + 1, len(line)):
            if line[j] - position >= RADIUS:
                break
            if (line[j] - position) ** 2 + (y[j] - y[i]) ** 2 < RADIUS**2:
                is_dropped[j] = True
    return [i for i, dropped in enumerate(is_dropped) if not dropped]
