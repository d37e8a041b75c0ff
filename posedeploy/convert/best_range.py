"""The part of a tensor's range for which 8 bits give the smallest error."""

from __future__ import annotations

import numpy as np

from posedeploy.types import Array

LEVELS = 255
"""The steps of an 8-bit range."""
FRACTIONS = np.linspace(1.0, 0.3, 36)
"""The parts of the measured minimum and maximum that are tried as limits of a range."""


def best_range(counts: Array, low: float, high: float) -> tuple[float, float]:
    """Return the part of a range with the smallest squared error of rounding and clipping.

    Args:
        counts: the numbers of values in bins of equal width between ``low`` (at most 0) and ``high`` (at
            least 0).
    """
    if not high > low or not counts.any():
        return low, high
    edges = np.linspace(low, high, len(counts) + 1)
    centers = (edges[1:] + edges[:-1]) / 2
    lows = low * (FRACTIONS if low < 0 else FRACTIONS[:1])
    highs = high * (FRACTIONS if high > 0 else FRACTIONS[:1])
    below = np.array([(counts * np.maximum(limit - centers, 0) ** 2).sum() for limit in lows])
    above = np.array([(counts * np.maximum(centers - limit, 0) ** 2).sum() for limit in highs])
    steps = (highs[None, :] - lows[:, None]) / LEVELS
    errors = below[:, None] + above[None, :] + counts.sum() * steps**2 / 12
    best = np.unravel_index(errors.argmin(), errors.shape)
    return float(lows[best[0]]), float(highs[best[1]])
