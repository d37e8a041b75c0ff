"""Orderings and Laplacians agree with the results of the published code under NumPy 1.23.5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posedeploy.joint_sets import JOINT_SETS
from posedeploy.meshes.coarsening import build_adjacency, coarsen
from posedeploy.meshes.laplacians import (
    build_joint_graph,
    compute_largest_eigenvalue,
    compute_normalized_laplacian,
)
from posedeploy.meshes.levels import build_levels
from posedeploy.meshes.sparse import Sparse
from posedeploy.meshes.tiles import build_tiles, order_in_patches
from posedeploy.types import Array, Tensors
from tests.support.torus import torus


@pytest.fixture(scope="module")
def golden(data: Path) -> Tensors:
    return dict(np.load(data / "mesh" / "icosphere.npz"))


def _dense(golden: Tensors, level: int, size: int) -> Array:
    matrix = np.zeros((size, size))
    matrix[golden[f"laplacian{level}_row"], golden[f"laplacian{level}_col"]] = golden[f"laplacian{level}_val"]
    return matrix


def test_orderings_are_exactly_the_published_ones(golden: Tensors) -> None:
    coarsened = coarsen(build_adjacency(golden["mesh_faces"]), 9)
    assert len(coarsened.orders) == 10
    for level, order in enumerate(coarsened.orders):
        assert order.tolist() == golden[f"perm{level}"].tolist(), level
    assert coarsened.positions(0).tolist() == golden["perm_reverse"][:2562].tolist()


def test_laplacians_are_the_published_ones(golden: Tensors) -> None:
    for number, level in enumerate(build_levels(golden["mesh_faces"], 9)[2:], start=2):
        expected = _dense(golden, number, level.tree_size)
        assert np.abs(level.tree_laplacian().to_dense() - expected).max() < 1e-7, number
    joints = compute_normalized_laplacian(build_joint_graph(JOINT_SETS["human36"])).to_dense()
    assert np.abs(joints - _dense(golden, 9, 17)).max() < 1e-7


def test_the_bundled_mesh_is_that_of_the_reference_folder(golden: Tensors, reference: Path) -> None:
    published = np.load(reference / "cases" / "pose2mesh-human36" / "golden.npz")
    for name, array in golden.items():
        assert np.array_equal(array, published[name]), name


def test_a_mesh_of_smpls_size_is_coarsened_and_the_eigenvalue_is_exact() -> None:
    levels = build_levels(torus(65, 106, seed=1), 9)
    assert levels[0].laplacian.size == 6890
    assert levels[0].tree_size == levels[-1].tree_size * 2**7
    small = compute_normalized_laplacian(build_adjacency(torus(34, 34)))
    assert abs(compute_largest_eigenvalue(small) - np.linalg.eigvalsh(small.to_dense())[-1]) < 1e-9


def test_the_weight_of_a_repeated_edge_is_the_published_one() -> None:
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4], [2, 3, 4]])
    assert build_adjacency(faces).to_dense()[0].tolist() == [0, 2, 1, 1, 1]


def test_sparse_entries_are_added_and_zeros_dropped() -> None:
    matrix = Sparse.from_entries(3, *map(np.array, ([2, 0, 0, 1], [1, 2, 2, 1], [5.0, 1.0, 2.0, 0.0])))
    assert matrix.to_dense().tolist() == [[0, 0, 3], [0, 0, 0], [0, 5, 0]]
    assert matrix.multiply(np.array([1.0, 2.0, 3.0])).tolist() == [9, 0, 10]
    assert matrix.row_sums.tolist() == [3, 0, 5]


@pytest.mark.parametrize("rows", [5, 32])
def test_the_product_with_tiles_is_that_with_the_matrix(rows: int) -> None:
    matrix = compute_normalized_laplacian(build_adjacency(torus(9, 13, seed=2)))
    order = order_in_patches(matrix, rows)
    assert sorted(order) == list(range(matrix.size))
    place = np.argsort(order)
    ordered = Sparse.from_entries(matrix.size, place[matrix.rows], place[matrix.columns], matrix.values)
    tiles = build_tiles(ordered, rows)
    x = np.random.RandomState(3).standard_normal((matrix.size, 4))
    y = (tiles.blocks @ x[order][tiles.columns]).reshape(-1, 4)
    assert np.abs(y[place] - matrix.to_dense() @ x).max() < 1e-5
    assert not y[matrix.size :].any()


def test_a_patch_has_a_short_border() -> None:
    matrix = compute_normalized_laplacian(build_adjacency(torus(65, 106, seed=1)))
    place = np.argsort(order_in_patches(matrix))
    ordered = Sparse.from_entries(matrix.size, place[matrix.rows], place[matrix.columns], matrix.values)
    reads = [len(np.unique(columns)) for columns in build_tiles(ordered).columns]
    assert np.mean(reads) < 2 * 32, "a tile of 32 vertices reads fewer than twice as many"
    assert max(reads) < 3 * 32
