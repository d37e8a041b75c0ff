"""What a network on a mesh needs to know of each of its levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.meshes.coarsening import adjacency, coarsen
from posedeploy.meshes.laplacians import rescaled_laplacian
from posedeploy.meshes.sparse import Sparse
from posedeploy.types import Array


@dataclass(frozen=True)
class Level:
    """One level of a mesh: its real vertices, numbered as they were made (level 0 as in the mesh's file).

    laplacian: rescaled, between real vertices. places: (vertices,) where each lies in the order of the tree.
    whole: vertices of the tree, added ones included. added_diagonal: the only entry that an added vertex has
    in the Laplacian. parents: (vertices,) the vertex of the next level that each went into.
    """

    laplacian: Sparse
    places: Array
    whole: int
    added_diagonal: float
    parents: Array

    def in_tree_order(self) -> Sparse:
        """The Laplacian of the whole tree's vertices, in the order of the tree."""
        added = np.setdiff1d(np.arange(self.whole), self.places)
        own = self.laplacian
        return Sparse.summed(
            self.whole,
            np.concatenate([self.places[own.rows], added]),
            np.concatenate([self.places[own.columns], added]),
            np.concatenate([own.values, np.full(len(added), self.added_diagonal)]),
        )


def mesh_levels(faces: Array, levels: int) -> tuple[Level, ...]:
    """The levels of a mesh of (n, 3) ``faces``, finest first: all of the ``levels`` but the coarsest."""
    coarsened = coarsen(adjacency(faces), levels)
    found = []
    for level in range(levels - 1):
        graph, whole = coarsened.graphs[level], len(coarsened.orders[level])
        laplacian, added_diagonal = rescaled_laplacian(graph, whole - graph.size)
        found.append(
            Level(laplacian, coarsened.places(level), whole, added_diagonal, coarsened.parents[level])
        )
    return tuple(found)
