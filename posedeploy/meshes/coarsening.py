"""A mesh's graph is halved again and again by heavy-edge matching, in the published order, to the last index.

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
class Coarsened:
    """A graph and its coarser ones, finest first.

    graphs: ``levels + 1`` adjacencies of real vertices, in the order in which they were made; level 0 in the
    mesh's own. parents: ``levels`` arrays: the vertex of the next level that each vertex went into. orders:
    ``levels + 1`` arrays: the vertices in the order of a whole binary tree, so that vertices 2i and 2i + 1 of
    a level are the children of i in the next. Numbers from the graph's size on are vertices that were added
    to make the tree whole; they have no neighbors.
    """

    graphs: tuple[Sparse, ...]
    parents: tuple[Array, ...]
    orders: tuple[Array, ...]

    def places(self, level: int) -> Array:
        """(vertices,) where each real vertex of a level lies in the order of the tree."""
        places = np.empty(len(self.orders[level]), np.int64)
        places[self.orders[level]] = np.arange(len(places))
        return places[: self.graphs[level].size]


def adjacency(faces: Array) -> Sparse:
    """1 between two vertices that share an edge of (n, 3) ``faces``; vertices up to the highest named.

    As published, an edge counts by the directions in which triangles name it (first to second, second to
    third, first to third): one more than once in a direction counts one less.
    """
    size = int(faces.max()) + 1
    ends = faces[:, [0, 1, 1, 2, 0, 2]].reshape(-1, 2)
    directed = Sparse.summed(size, ends[:, 0], ends[:, 1], np.ones(len(ends)))
    weights = directed.values - (directed.values > 1)
    rows = np.concatenate([directed.rows, directed.columns])
    columns = np.concatenate([directed.columns, directed.rows])
    places, which = np.unique(rows * size + columns, return_inverse=True)
    largest = np.zeros(len(places))
    np.maximum.at(largest, which, np.concatenate([weights, weights]))
    return Sparse(size, places // size, places % size, largest)


def coarsen(graph: Sparse, levels: int) -> Coarsened:
    """Halve a graph ``levels`` times."""
    graphs, parents = [graph], []
    weights = graph.sums - graph.diagonal
    for _ in range(levels):
        parent = _matched(graphs[-1], classic_argsort(graphs[-1].sums), weights)
        fine = graphs[-1]
        graphs.append(
            Sparse.summed(int(parent.max()) + 1, parent[fine.rows], parent[fine.columns], fine.values)
        )
        parents.append(parent)
        weights = graphs[-1].sums
    return Coarsened(tuple(graphs), tuple(parents), tuple(_tree_orders(parents)))


def _matched(graph: Sparse, order: Array, weights: Array) -> Array:
    """(size,) the cluster of each vertex: alone, or with the free neighbor that is bound most heavily.

    Two slips of the published code decide which checkpoints fit, and are kept: a vertex's own weight is the
    first entry of its row, and the first row ends one entry too late, the last one too early.
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
        for place in range(starts[vertex], ends[vertex]):
            other = columns[place]
            if cluster[other] < 0:
                weight = 2.0 * values[place] + own[vertex] + own[other]
                weight /= degrees[vertex] + degrees[other] + 1e-9
                if weight > heaviest:
                    heaviest, partner = weight, other
        if partner >= 0:
            cluster[partner] = count
        count += 1
    return np.array(cluster, np.int64)


def _tree_orders(parents: list[Array]) -> list[Array]:
    """Every level in the order of its parents; where one has fewer than two children, vertices are added."""
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
