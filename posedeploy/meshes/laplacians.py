"""Normalized graph Laplacians with the rescaling of Pose2Mesh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posedeploy.joint_sets import JointSet
from posedeploy.meshes.sparse import Sparse
from posedeploy.types import Array

MAX_DENSE = 1024
"""The maximum number of vertices for which the eigenvalue is computed from the dense matrix."""

MAX_STEPS, CHECK_INTERVAL = 4000, 100


def compute_rescaled_laplacian(graph: Sparse, added: int = 0) -> tuple[Sparse, float]:
    """Return ``L / (2 lmax) - I``, with the normalized Laplacian L and its largest eigenvalue lmax, in
    float64.

    This is as published. The common rescaling to [-1, 1] is ``2 L / lmax - I``.

    Args:
        added: the number of additional vertices without neighbors.

    Returns:
        The matrix of the graph's vertices, and the only entry, on the diagonal, of each added vertex.
    """
    laplacian = compute_normalized_laplacian(graph)
    largest = compute_largest_eigenvalue(laplacian)
    if added:
        largest = max(largest, 1.0)  # the eigenvalue of a vertex without neighbors
    factor = 1 / (2 * largest)
    return _scale_and_shift(laplacian, factor, -1.0), factor - 1


def compute_normalized_laplacian(graph: Sparse) -> Sparse:
    """Return ``I - D^-1/2 W D^-1/2``. Every vertex must have a neighbor, which may be itself."""
    scale = 1 / np.sqrt(graph.row_sums)
    return _scale_and_shift(
        replace(graph, values=graph.values * scale[graph.rows] * scale[graph.columns]), -1.0, 1.0
    )


def build_joint_graph(joint_set: JointSet) -> Sparse:
    """Return the adjacency of joints: 1 along bones, between left-right pairs, and on the diagonal."""
    ends = np.array([*joint_set.bones, *joint_set.pairs])
    size = len(joint_set)
    adjacency = np.eye(size)
    adjacency[ends[:, 0], ends[:, 1]] = adjacency[ends[:, 1], ends[:, 0]] = 1
    rows, columns = adjacency.nonzero()
    return Sparse(size, rows, columns, adjacency[rows, columns])


def compute_largest_eigenvalue(matrix: Sparse) -> float:
    """Return the largest eigenvalue of a symmetric matrix to float64 accuracy; use Lanczos' method if it is
    large.

    Reorthogonalization is not needed: without it, rounding only repeats known eigenvalues.
    """
    if matrix.size <= MAX_DENSE:
        return float(np.linalg.eigvalsh(matrix.to_dense())[-1])
    vector = np.random.RandomState(0).standard_normal(matrix.size)
    vector /= np.linalg.norm(vector)
    previous, beta = np.zeros_like(vector), 0.0
    diagonal: list[float] = []
    off_diagonal: list[float] = []
    eigenvalue = -np.inf
    for step in range(1, MAX_STEPS + 1):
        product = matrix.multiply(vector) - beta * previous
        diagonal.append(float(vector @ product))
        product -= diagonal[-1] * vector
        beta = float(np.linalg.norm(product))
        if step % CHECK_INTERVAL == 0 or beta == 0:
            last, eigenvalue = eigenvalue, _largest_tridiagonal(diagonal, off_diagonal)
            if beta == 0 or abs(eigenvalue - last) < 1e-11 * abs(eigenvalue):
                return eigenvalue
        off_diagonal.append(beta)
        previous, vector = vector, product / beta
    return eigenvalue


def _largest_tridiagonal(diagonal: list[float], off_diagonal: list[float]) -> float:
    full = np.diag(diagonal) + np.diag(off_diagonal, 1) + np.diag(off_diagonal, -1)
    return float(np.linalg.eigvalsh(full)[-1])


def _scale_and_shift(matrix: Sparse, factor: float, shift: float) -> Sparse:
    """Return ``factor * matrix + shift * I``."""
    every: Array = np.arange(matrix.size)
    return Sparse.from_entries(
        matrix.size,
        np.concatenate([matrix.rows, every]),
        np.concatenate([matrix.columns, every]),
        np.concatenate([factor * matrix.values, np.full(matrix.size, shift)]),
    )
