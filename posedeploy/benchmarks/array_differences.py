"""Differences of two arrays."""

from __future__ import annotations

import numpy as np

from posedeploy.types import Array

MIN_SCALE = 0.1


def absolute_differences(reference: Array, candidate: Array) -> Array:
    """Return the absolute differences in FP64; infinite for NaN and for two equal infinities."""
    with np.errstate(invalid="ignore"):
        differences: Array = np.abs(reference.astype(np.float64) - candidate.astype(np.float64))
    return np.where(np.isnan(differences), np.inf, differences)


def relative_differences(reference: Array, candidate: Array) -> Array:
    """Return the differences over the largest finite absolute value of the reference."""
    return absolute_differences(reference, candidate) / (max_absolute(reference) or 1.0)


def bound_scale(largest_here: float, largest: float) -> float:
    """Return the value that the differences of an output on one input are relative to.

    It is the largest absolute value on this input, but at least ``MIN_SCALE`` times that on any input: on a
    black image, an output can be close to zero where the rounding errors of the layers before are not.
    """
    return max(largest_here, MIN_SCALE * largest) or 1.0


def max_absolute(array: Array) -> float:
    """Return the largest finite absolute value; 0 if there is none."""
    return float(np.abs(array).max(where=np.isfinite(array), initial=0.0))


def rms(array: Array) -> float:
    """Return the root mean square; 0 for an empty array."""
    return float(np.sqrt(np.mean(np.square(array)))) if array.size else 0.0


def cosine_similarity(reference: Array, candidate: Array) -> float:
    """Return the cosine similarity of two vectors; 0 if either has NaN or infinity, 1 if both are zero."""
    if not (np.isfinite(reference).all() and np.isfinite(candidate).all()):
        return 0.0
    a, b = reference.astype(np.float64), candidate.astype(np.float64)
    lengths = float(np.sqrt(_dot(a, a)) * np.sqrt(_dot(b, b)))
    return float(_dot(a, b) / lengths) if lengths else 1.0


def _dot(a: Array, b: Array) -> float:
    """Return the dot product on this thread: waking the threads of BLAS takes longer."""
    return float(np.einsum("i,i->", a, b))
