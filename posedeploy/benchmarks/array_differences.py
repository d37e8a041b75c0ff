"""Differences of two arrays."""

from __future__ import annotations

import numpy as np

from posedeploy.types import Array


def difference(reference: Array, candidate: Array) -> Array:
    """Return the absolute differences, in FP64; infinite where either is NaN or both are the same
    infinity."""
    with np.errstate(invalid="ignore"):
        apart: Array = np.abs(reference.astype(np.float64) - candidate.astype(np.float64))
    return np.where(np.isnan(apart), np.inf, apart)


def relative_difference(reference: Array, candidate: Array) -> Array:
    """Return the differences over the largest finite absolute value of the reference."""
    return difference(reference, candidate) / (largest(reference) or 1.0)


def largest(array: Array) -> float:
    """Return the largest finite absolute value; 0 if there is none."""
    return float(np.abs(array).max(where=np.isfinite(array), initial=0.0))


def root_mean_square(array: Array) -> float:
    """Return the root mean square; 0 for an empty array."""
    return float(np.sqrt(np.mean(np.square(array)))) if array.size else 0.0


def cosine(reference: Array, candidate: Array) -> float:
    """Return the cosine similarity of two vectors; 0 if either has NaN or infinity, 1 if both are zero."""
    if not (np.isfinite(reference).all() and np.isfinite(candidate).all()):
        return 0.0
    a, b = reference.astype(np.float64), candidate.astype(np.float64)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b / lengths) if lengths else 1.0
