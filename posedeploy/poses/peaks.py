"""Peaks of upsampled heatmaps as keypoint candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.types import Array

THRESHOLD = np.float32(0.1)
RADIUS = 6
"""Minimum distance of two peaks of a channel, in px of the upsampled map; the one at larger x is dropped."""


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
    width, channels = heatmaps.shape[1:]
    values = heatmaps.reshape(-1)
    peak = heatmaps >= THRESHOLD
    peak[1:] &= heatmaps[1:] > heatmaps[:-1]
    peak[:-1] &= heatmaps[:-1] > heatmaps[1:]
    at = np.flatnonzero(peak)
    x = at // channels % width
    score = values[at]
    exceeds_left = (x == 0) | (score > values.take(at - channels, mode="wrap"))
    exceeds_right = (x == width - 1) | (score > values.take(at + channels, mode="wrap"))
    at, x = at[exceeds_left & exceeds_right], x[exceeds_left & exceeds_right]
    y, channel = at // (width * channels), at % channels
    line = channel * (width + RADIUS) + x
    kept = np.lexsort((y, line))
    kept = kept[_suppress(line[kept].tolist(), y[kept].tolist())]
    first = np.searchsorted(channel[kept], np.arange(channels + 1))
    return Peaks(x[kept], y[kept], values[at[kept]].astype(np.float64), first)


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
