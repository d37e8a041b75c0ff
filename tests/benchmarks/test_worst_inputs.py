"""The inputs with the largest differences, for outputs without a batch or with different numbers of rows."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.benchmarks.image_comparison import select_image
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.pose_comparison import ImagePairs
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.benchmarks.worst_inputs import WorstInputs
from posedeploy.types import Array


@pytest.mark.parametrize(
    ("reference", "candidate", "shown"),
    [
        (np.zeros((2, 3, 4, 5)), np.ones((2, 3, 4, 5)), ["maps"]),
        (np.zeros((0, 3, 4, 5)), np.zeros((0, 3, 4, 5)), []),
        (np.zeros((2, 0, 4, 5)), np.zeros((2, 0, 4, 5)), []),
        (np.asarray(1.0), np.asarray(2.0), []),
    ],
    ids=["maps", "no rows", "no channels", "scalar"],
)
def test_outputs_without_rows_have_no_map(reference: Array, candidate: Array, shown: list[str]) -> None:
    worst = WorstInputs(Tolerance())
    worst.add("noise", NetworkInput("noise", {}), 0, ({"maps": reference}, {"maps": candidate}))
    assert [list(each.maps) for each in worst.sorted()] == [shown]


@pytest.mark.parametrize(("expected", "actual"), [(2, 3), (2, 0), (0, 1)])
def test_outputs_with_different_numbers_of_rows_have_no_map(expected: int, actual: int) -> None:
    worst = WorstInputs(Tolerance())
    pairs = ImagePairs("photo", 0, expected, actual, 0, 1, 0, {})
    outputs = {"maps": np.zeros((expected, 3, 4, 5))}, {"maps": np.zeros((actual, 3, 4, 5))}
    worst.add("photo", NetworkInput("photo", {}), 0, outputs, pairs=pairs)
    assert [dict(each.maps) for each in worst.sorted()] == [{}]


@pytest.mark.parametrize("count", [1, 2])
def test_a_scalar_belongs_to_every_image(count: int) -> None:
    outputs = {"scale": np.asarray(2.0), "maps": np.arange(count * 3.0).reshape(count, 3)}
    for index in range(count):
        selected = select_image(outputs, index, count)
        assert (selected["scale"].shape, float(selected["scale"])) == ((), 2.0)
        np.testing.assert_array_equal(selected["maps"], outputs["maps"][index : index + 1])
