"""Normalized graph Laplacians, rescaled as Pose2Mesh was trained with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posedeploy.joint_sets import JointSet
from posedeploy.meshes.sparse import Sparse
from posedeploy.types import Array

DENSE = 1024
"""Up to this many vertices the largest eigenvalue comes from the dense matrix."""

STEPS, CHECKED_EVERY = 4000, 100


def rescaled_laplacian(graph: Sparse, added: int = 0) -> tuple[Sparse, float]:
    """``L / (2 lmax) - I`` with L the normalized Laplacian and lmax its largest eigenvalue, in float64.

    As published: the usual rescaling to [-1, 1] would be ``2 L / lmax - I``.

    Args:
        added: vertices without neighbors that the graph has besides.

    Returns:
        The matrix of the graph's own vertices, and the one entry, on the diagonal, that each added vertex
        has.
    """
    laplacian = normalized_laplacian(graph)
    largest = largest_eigenvalue(laplacian)
    if added:
        largest = max(largest, 1.0)  # the eigenvalue of a vertex without neighbors
    factor = 1 / (2 * largest)
    return _shifted(laplacian, factor, -1.0), factor - 1


def normalized_laplacian(graph: Sparse) -> Sparse:
    """``I - D^-1/2 W D^-1/2``; every vertex has a neighbor (or itself)."""
    scale = 1 / np.sqrt(graph.sums)
    return _shifted(replace(graph, values=graph.values * scale[graph.rows] * scale[graph.columns]), -1.0, 1.0)


def joint_graph(joint_set: JointSet) -> Sparse:
    """1 along bones, between the two of a pair, and from a joint to itself."""
    ends = np.array([*joint_set.bones, *joint_set.pairs])
    size = len(joint_set)
    adjacency = np.eye(size)
    adjacency[ends[:, 0], ends[:, 1]] = adjacency[ends[:, 1], ends[:, 0]] = 1
    rows, columns = adjacency.nonzero()
    return Sparse(size, rows, columns, adjacency[rows, columns])


def largest_eigenvalue(matrix: Sparse) -> float:
    """Of a symmetric matrix, to the last few bits; by Lanczos' method where it is large.

    Without reorthogonalisation: rounding then only repeats eigenvalues that have been found.
    """
    if matrix.size <= DENSE:
        return float(np.linalg.eigvalsh(matrix.dense())[-1])
    vector = np.random.RandomState(0).standard_normal(matrix.size)
    vector /= np.linalg.norm(vector)
    before, beta = np.zeros_like(vector), 0.0
    diagonal: list[float] = []
    beside: list[float] = []
    found = -np.inf
    for step in range(1, STEPS + 1):
        product = matrix.times(vector) - beta * before
        diagonal.append(float(vector @ product))
        product -= diagonal[-1] * vector
        beta = float(np.linalg.norm(product))
        if step % CHECKED_EVERY == 0 or beta == 0:
            last, found = found, _tridiagonal_top(diagonal, beside)
            if beta == 0 or abs(found - last) < 1e-11 * abs(found):
                return found
        beside.append(beta)
        before, vector = vector, product / beta
    return found


def _tridiagonal_top(diagonal: list[float], beside: list[float]) -> float:
    full = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    return float(np.linalg.eigvalsh(full)[-1])


def _shifted(matrix: Sparse, factor: float, shift: float) -> Sparse:
    """``factor * matrix + shift * I``."""
    every: Array = np.arange(matrix.size)
    return Sparse.summed(
        matrix.size,
        np.concatenate([matrix.rows, every]),
        np.concatenate([matrix.columns, every]),
        np.concatenate([factor * matrix.values, np.full(matrix.size, shift)]),
    )
