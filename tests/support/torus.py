"""Generated closed meshes of any size, which are no one's body and have no license."""

from __future__ import annotations

import numpy as np

from posedeploy.types import Array


def torus(around: int, across: int, seed: int | None = None) -> Array:
    """Return the (2 * around * across, 3) triangles of a torus. With a seed, vertices are numbered
    randomly."""
    i, j = (axis.ravel() for axis in np.meshgrid(np.arange(around), np.arange(across), indexing="ij"))
    corner, right = i * across + j, (i + 1) % around * across + j
    up, diagonal = i * across + (j + 1) % across, (i + 1) % around * across + (j + 1) % across
    faces = np.concatenate([np.stack([corner, right, diagonal], 1), np.stack([corner, diagonal, up], 1)])
    if seed is None:
        return faces
    numbers: Array = np.random.RandomState(seed).permutation(around * across)[faces]
    return numbers
