"""Split a sparse matrix into dense tiles, by which every runtime can multiply: one gather, one matrix
product.

A tile has ``ROWS`` vertices that are close together, so that few other vertices are their neighbors: in a
mesh, about as many outside the tile as inside. Each row of the input is then read about twice instead of once
for each neighbor, and matrix products are what runtimes compute fastest.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from posedeploy.meshes.sparse import Sparse
from posedeploy.types import Array

ROWS = 32
"""The vertices in a tile: enough for a matrix product, but so few that most of a block is not zeros. Other
numbers have not been measured."""


@dataclass(frozen=True)
class Tiles:
    """``y[tile * rows + row] = sum over c of blocks[tile, row, c] * x[columns[tile, c]]``.

    columns: (tiles, width) int64; a tile that reads fewer rows of x repeats one, with zeros in ``blocks``.
    blocks: (tiles, rows, width) float32; rows past the end of the matrix are zeros.
    """

    columns: Array
    blocks: Array


def build_tiles(matrix: Sparse, rows: int = ROWS) -> Tiles:
    """Split a matrix into tiles of ``rows`` rows."""
    tile = matrix.rows // rows
    reads = [np.unique(matrix.columns[tile == index]) for index in range(-(-matrix.size // rows))]
    width = max(map(len, reads))
    columns = np.zeros((len(reads), width), np.int64)
    blocks = np.zeros((len(reads), rows, width), np.float32)
    for index, read in enumerate(reads):
        columns[index] = np.pad(read, (0, width - len(read)), mode="edge")
        entries = tile == index
        positions = np.searchsorted(read, matrix.columns[entries])
        blocks[index, matrix.rows[entries] % rows, positions] = matrix.values[entries]
    return Tiles(columns, blocks)


def order_in_patches(matrix: Sparse, rows: int = ROWS) -> Array:
    """Return (size,) the vertices in an order in which each ``rows`` of them form a patch with a short
    border.

    A patch starts next to the previous ones and grows by the vertex that adds the fewest new neighbors.
    """
    starts = np.searchsorted(matrix.rows, np.arange(matrix.size + 1)).tolist()
    columns = matrix.columns.tolist()
    neighbors = [set(columns[a:b]) - {v} for v, (a, b) in enumerate(pairwise(starts))]
    free = [len(around) for around in neighbors]
    remaining = dict.fromkeys(range(matrix.size))
    border: dict[int, None] = {}
    order: list[int] = []
    while remaining:
        adjacent: dict[int, int] = {}
        for _ in range(min(rows, len(remaining))):
            if adjacent:
                vertex = min(adjacent, key=lambda v: free[v] - adjacent[v])
            else:
                vertex = min(border or remaining, key=free.__getitem__)
            order.append(vertex)
            for vertices in (remaining, border, adjacent):
                vertices.pop(vertex, None)
            for other in neighbors[vertex]:
                free[other] -= 1
                if other in remaining:
                    adjacent[other] = adjacent.get(other, 0) + 1
        border |= dict.fromkeys(adjacent)
    return np.array(order, np.int64)
