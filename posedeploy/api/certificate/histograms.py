"""The distributions of the errors of poses, in bins of a logarithmic scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.pose_comparison import POINT_UNITS
from posedeploy.types import Array

EDGES: Array = np.array([0.0, *(10.0 ** (power / 2) for power in range(-12, 7)), np.inf])
"""The ends of the bins: half decades from 1e-6 to 1e3; the first bin also has 0, the last has infinity."""


def count_errors(result: Parity) -> dict[str, Any]:
    """Return, for each measure with values, ``edges`` (the ends of the bins) and ``counts``.

    The last edge is infinite, which JSON writes as null.
    """
    if result.paired is None:
        return {}
    histograms: dict[str, Any] = {}
    for measure in POINT_UNITS:
        values = [image.values.get(measure, np.zeros(0)) for image in result.paired.images]
        pooled = np.concatenate([np.zeros(0), *values])
        if len(pooled):
            bins = np.searchsorted(EDGES[1:-1], pooled, side="right")
            counts = np.bincount(bins, minlength=len(EDGES) - 1)
            histograms[measure] = {"edges": EDGES.tolist(), "counts": counts.tolist()}
    return histograms
