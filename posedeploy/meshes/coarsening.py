"""Coarsen the graph of a mesh repeatedly by heavy-edge matching, in exactly the published order.

Source: Defferrard et al., "Convolutional Neural Networks on Graphs with Fast Localized Spectral Filtering"
(2016), section 2.2, and the variant of it that Pose2Mesh was trained with (arXiv:2008.09047).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.meshes.introsort import classic_argsort
from posedeploy.meshes.sparse import Sparse
from posedeploy.types import Array


@dataclass(frozen=True)
class Coarsening:
    """A graph and its coarser levels, finest first.

    graphs: ``levels + 1`` adjacencies of real vertices, in order of creation; level 0 in the mesh's order.
    parents: ``levels`` arrays: the parent of each vertex in the next level. orders: ``levels + 1`` arrays:
    the vertices in the order of a complete binary tree, in which vertices 2i and 2i + 1 of a level are the
    children of i in the next. Numbers from the graph's size on are vertices without neighbors, which complete
    the tree.
    """

    graphs: tuple[Sparse, ...]
    parents: tuple[Array, ...]
    orders: tuple[Array, ...]

    def positions(self, level: int) -> Array:
        """Return (vertices,) the position of each real vertex of a level in the order of the tree."""
        positions = np.empty(len(self.orders[level]), np.int64)
        positions[self.orders[level]] = np.arange(len(positions))
        return positions[: self.graphs[level].size]


def build_adjacency(faces: Array) -> Sparse:
    """Return the weights of edges between the vertices of (n, 3) ``faces``, which are 1 in a regular mesh.

    As published, the weight of an edge is the number of triangles that have it in the same direction (first
    to second, second to third, first to third), less one if there are several.
    """
    size = int(faces.max()) + 1
    ends = faces[:, [0, 1, 1, 2, 0, 2]].reshape(-1, 2)
    directed = Sparse.from_entries(size, ends[:, 0], ends[:, 1], np.ones(len(ends)))
    weights = directed.values - (directed.values > 1)
    rows = np.concatenate([directed.rows, directed.columns])
    columns = np.concatenate([directed.columns, directed.rows])
    entries, which = np.unique(rows * size + columns, return_inverse=True)
    largest = np.zeros(len(entries))
    np.maximum.at(largest, which, np.concatenate([weights, weights]))
    return Sparse(size, entries // size, entries % size, largest)


def coarsen(graph: Sparse, levels: int) -> Coarsening:
    """Coarsen a graph ``levels`` times."""
    graphs, parents = [graph], []
    weights = graph.row_sums - graph.diagonal
    for _ in range(levels):
        parent = _match(graphs[-1], classic_argsort(graphs[-1].row_sums), weights)
        fine = graphs[-1]
        graphs.append(
            Sparse.from_entries(int(parent.max()) + 1, parent[fine.rows], parent[fine.columns], fine.values)
        )
        parents.append(parent)
        weights = graphs[-1].row_sums
    return Coarsening(tuple(graphs), tuple(parents), tuple(_tree_orders(parents)))


def _match(graph: Sparse, order: Array, weights: Array) -> Array:
    """Return (size,) the cluster of each vertex: with the free neighbor of the largest weight, if any.

    Two mistakes of the published code are kept, because checkpoints depend on them: the first entry of a row
    is used as the weight of the vertex itself, and the first row ends one entry too late, the last one too
    early.
    """
    starts = np.searchsorted(graph.rows, np.arange(graph.size + 1)).tolist()
    ends = [*starts[1:-1], starts[-1] - 1]
    ends[0] += 1
    columns, values = graph.columns.tolist(), graph.values.tolist()
    own: list[float] = graph.values[starts[:-1]].tolist()
    degrees: list[float] = weights.tolist()
    cluster = [-1] * graph.size
    count = 0
    for vertex in order.tolist():
        if cluster[vertex] >= 0:
            continue
        cluster[vertex] = count
        heaviest, partner = 0.0, -1
        for entry in range(starts[vertex], ends[vertex]):
            other = columns[entry]
            if cluster[other] < 0:
                weight = 2.0 * values[entry] + own[vertex] + own[other]
                weight /= degrees[vertex] + degrees[other] + 1e-9
                if weight > heaviest:
                    heaviest, partner = weight, other
        if partner >= 0:
            cluster[partner] = count
        count += 1
    return np.array(cluster, np.int64)


def _tree_orders(parents: list[Array]) -> list[Array]:
    """Order each level by parents, and add vertices to parents with fewer than two children."""
    orders = [list(range(int(parents[-1].max()) + 1))]
    for parent in reversed(parents):
        children: dict[int, list[int]] = {}
        for vertex, cluster in enumerate(parent.tolist()):
            children.setdefault(cluster, []).append(vertex)
        added = len(parent)
        order: list[int] = []
        for cluster in orders[-1]:
            pair = children.get(cluster, [])
            missing = 2 - len(pair)
            order += [*pair, *range(added, added + missing)]
            added += missing
        orders.append(order)
    return [np.array(order, np.int64) for order in reversed(orders)]
