"""A sparse matrix as small dense tiles, which every runtime multiplies with: one gather, one matrix product.

A tile is ``ROWS`` vertices that lie close together, so that they have few neighbors between them: of a mesh,
about as many outside the tile as inside. Each row of the input is then read about twice and not once for
every neighbor, and the arithmetic is that of matrix products, which runtimes do best.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from posedeploy.meshes.sparse import Sparse
from posedeploy.types import Array

ROWS = 32
"""Vertices in a tile: many enough for a matrix product, few enough that a block is not mostly zeros. A choice
by reasoning: other numbers have not been timed against it."""


@dataclass(frozen=True)
class Tiles:
    """``y[tile * rows + row] = sum over c of blocks[tile, row, c] * x[columns[tile, c]]``.

    columns: (tiles, width) int64; a tile that reads fewer rows of x repeats one, with zeros in ``blocks``.
    blocks: (tiles, rows, width) float32; rows beyond the matrix' own are zeros.
    """

    columns: Array
    blocks: Array


def tiled(matrix: Sparse, rows: int = ROWS) -> Tiles:
    """The tiles of a matrix, ``rows`` rows in each."""
    tile = matrix.rows // rows
    reads = [np.unique(matrix.columns[tile == index]) for index in range(-(-matrix.size // rows))]
    width = max(map(len, reads))
    columns = np.zeros((len(reads), width), np.int64)
    blocks = np.zeros((len(reads), rows, width), np.float32)
    for index, read in enumerate(reads):
        columns[index] = np.pad(read, (0, width - len(read)), mode="edge")
        mine = tile == index
        places = np.searchsorted(read, matrix.columns[mine])
        blocks[index, matrix.rows[mine] % rows, places] = matrix.values[mine]
    return Tiles(columns, blocks)


def patches(matrix: Sparse, rows: int = ROWS) -> Array:
    """(size,) the vertices in such an order that every ``rows`` of them form a patch with a short border.

    A patch grows by the vertex that leads to the fewest new ones, and begins beside those that are full.
    """
    starts = np.searchsorted(matrix.rows, np.arange(matrix.size + 1)).tolist()
    columns = matrix.columns.tolist()
    neighbors = [set(columns[a:b]) - {v} for v, (a, b) in enumerate(pairwise(starts))]
    free = [len(around) for around in neighbors]
    left = dict.fromkeys(range(matrix.size))
    border: dict[int, None] = {}
    order: list[int] = []
    while left:
        inside: dict[int, int] = {}
        for _ in range(min(rows, len(left))):
            if inside:
                vertex = min(inside, key=lambda v: free[v] - inside[v])
            else:
                vertex = min(border or left, key=free.__getitem__)
            order.append(vertex)
            for places in (left, border, inside):
                places.pop(vertex, None)
            for other in neighbors[vertex]:
                free[other] -= 1
                if other in left:
                    inside[other] = inside.get(other, 0) + 1
        border |= dict.fromkeys(inside)
    return np.array(order, np.int64)
