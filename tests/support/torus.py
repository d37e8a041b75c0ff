"""Closed meshes of any size, made by rule: no one's body, and free to pass on."""

from __future__ import annotations

import numpy as np

from posedeploy.types import Array


def torus(around: int, across: int, seed: int | None = None) -> Array:
    """(2 * around * across, 3) triangles of a torus; with a seed its vertices are numbered at random."""
    i, j = (axis.ravel() for axis in np.meshgrid(np.arange(around), np.arange(across), indexing="ij"))
    here, right = i * across + j, (i + 1) % around * across + j
    up, diagonal = i * across + (j + 1) % across, (i + 1) % around * across + (j + 1) % across
    faces = np.concatenate([np.stack([here, right, diagonal], 1), np.stack([here, diagonal, up], 1)])
    if seed is None:
        return faces
    numbers: Array = np.random.RandomState(seed).permutation(around * across)[faces]
    return numbers
