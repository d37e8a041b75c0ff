"""The levels of a mesh, as a network on the mesh needs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.meshes.coarsening import build_adjacency, coarsen
from posedeploy.meshes.laplacians import compute_rescaled_laplacian
from posedeploy.meshes.sparse import Sparse
from posedeploy.types import Array


@dataclass(frozen=True)
class Level:
    """One level of a mesh with its real vertices, in order of creation (level 0: as in the mesh's file).

    laplacian: rescaled, between real vertices. positions: (vertices,) of the vertices in the order of the
    tree. tree_size: the number of vertices of the tree, including added ones. added_diagonal: the only entry
    of an added vertex in the Laplacian. parents: (vertices,) the parent of each vertex in the next level.
    """

    laplacian: Sparse
    positions: Array
    tree_size: int
    added_diagonal: float
    parents: Array

    def tree_laplacian(self) -> Sparse:
        """Return the Laplacian of all vertices of the tree, in the order of the tree."""
        added = np.setdiff1d(np.arange(self.tree_size), self.positions)
        own = self.laplacian
        return Sparse.from_entries(
            self.tree_size,
            np.concatenate([self.positions[own.rows], added]),
            np.concatenate([self.positions[own.columns], added]),
            np.concatenate([own.values, np.full(len(added), self.added_diagonal)]),
        )


def build_levels(faces: Array, levels: int) -> tuple[Level, ...]:
    """Return the levels of a mesh of (n, 3) ``faces``, finest first, without the coarsest of ``levels``."""
    coarsened = coarsen(build_adjacency(faces), levels)
    built = []
    for level in range(levels - 1):
        graph, size = coarsened.graphs[level], len(coarsened.orders[level])
        laplacian, diagonal = compute_rescaled_laplacian(graph, size - graph.size)
        built.append(Level(laplacian, coarsened.positions(level), size, diagonal, coarsened.parents[level]))
    return tuple(built)
