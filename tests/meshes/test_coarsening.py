"""Orderings and Laplacians against those that the published code made under NumPy 1.23.5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posedeploy.joint_sets import JOINT_SETS
from posedeploy.meshes.coarsening import adjacency, coarsen
from posedeploy.meshes.laplacians import joint_graph, largest_eigenvalue, normalized_laplacian
from posedeploy.meshes.levels import mesh_levels
from posedeploy.meshes.sparse import Sparse
from posedeploy.meshes.tiles import patches, tiled
from posedeploy.types import Array, Tensors
from tests.support.torus import torus


@pytest.fixture(scope="module")
def golden(data: Path) -> Tensors:
    return dict(np.load(data / "mesh" / "icosphere.npz"))


def _dense(golden: Tensors, level: int, size: int) -> Array:
    matrix = np.zeros((size, size))
    matrix[golden[f"laplacian{level}_row"], golden[f"laplacian{level}_col"]] = golden[f"laplacian{level}_val"]
    return matrix


def test_orderings_are_the_published_ones_to_the_last_index(golden: Tensors) -> None:
    coarsened = coarsen(adjacency(golden["mesh_faces"]), 9)
    assert len(coarsened.orders) == 10
    for level, order in enumerate(coarsened.orders):
        assert order.tolist() == golden[f"perm{level}"].tolist(), level
    assert coarsened.places(0).tolist() == golden["perm_reverse"][:2562].tolist()


def test_laplacians_are_the_published_ones(golden: Tensors) -> None:
    for number, level in enumerate(mesh_levels(golden["mesh_faces"], 9)[2:], start=2):
        wanted = _dense(golden, number, level.whole)
        assert np.abs(level.in_tree_order().dense() - wanted).max() < 1e-7, number
    joints = normalized_laplacian(joint_graph(JOINT_SETS["human36"])).dense()
    assert np.abs(joints - _dense(golden, 9, 17)).max() < 1e-7


def test_the_bundled_mesh_is_that_of_the_reference_folder(golden: Tensors, reference: Path) -> None:
    published = np.load(reference / "cases" / "pose2mesh-human36" / "golden.npz")
    for name, array in golden.items():
        assert np.array_equal(array, published[name]), name


def test_the_largest_mesh_is_coarsened_in_moments_and_the_eigenvalue_is_exact() -> None:
    levels = mesh_levels(torus(65, 106, seed=1), 9)
    assert levels[0].laplacian.size == 6890
    assert levels[0].whole == levels[-1].whole * 2**7
    small = normalized_laplacian(adjacency(torus(34, 34)))
    assert abs(largest_eigenvalue(small) - np.linalg.eigvalsh(small.dense())[-1]) < 1e-9


def test_an_edge_named_more_than_once_in_a_direction_counts_one_less() -> None:
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4], [2, 3, 4]])
    assert adjacency(faces).dense()[0].tolist() == [0, 2, 1, 1, 1]


def test_sparse_entries_at_one_place_are_added_and_zeros_left_out() -> None:
    matrix = Sparse.summed(3, *map(np.array, ([2, 0, 0, 1], [1, 2, 2, 1], [5.0, 1.0, 2.0, 0.0])))
    assert matrix.dense().tolist() == [[0, 0, 3], [0, 0, 0], [0, 5, 0]]
    assert matrix.times(np.array([1.0, 2.0, 3.0])).tolist() == [9, 0, 10]
    assert matrix.sums.tolist() == [3, 0, 5]


@pytest.mark.parametrize("rows", [5, 32])
def test_tiles_multiply_as_the_matrix_does(rows: int) -> None:
    matrix = normalized_laplacian(adjacency(torus(9, 13, seed=2)))
    order = patches(matrix, rows)
    assert sorted(order) == list(range(matrix.size))
    place = np.argsort(order)
    ordered = Sparse.summed(matrix.size, place[matrix.rows], place[matrix.columns], matrix.values)
    tiles = tiled(ordered, rows)
    x = np.random.RandomState(3).standard_normal((matrix.size, 4))
    y = (tiles.blocks @ x[order][tiles.columns]).reshape(-1, 4)
    assert np.abs(y[place] - matrix.dense() @ x).max() < 1e-5
    assert not y[matrix.size :].any()


def test_a_patch_has_a_short_border() -> None:
    matrix = normalized_laplacian(adjacency(torus(65, 106, seed=1)))
    place = np.argsort(patches(matrix))
    ordered = Sparse.summed(matrix.size, place[matrix.rows], place[matrix.columns], matrix.values)
    reads = [len(np.unique(columns)) for columns in tiled(ordered).columns]
    assert np.mean(reads) < 2 * 32, "a tile of 32 vertices reads fewer than twice as many"
    assert max(reads) < 3 * 32
