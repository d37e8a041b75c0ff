"""Rows of outputs whose number depends on the image."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.benchmarks.output_parity import measure_difference
from posedeploy.benchmarks.row_pairing import have_same_shape, pair_rows
from posedeploy.types import Array, Tensors

AXES = {"boxes": 0, "scores": 0}
ROWS = np.random.default_rng(0).uniform(0, 100, (6, 4))


def outputs(order: list[int]) -> Tensors:
    return {"boxes": ROWS[order], "scores": np.linspace(0.9, 0.4, 6)[order], "other": np.ones((1, 3))}


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [1, 0, 2, 3, 5, 4], [5, 4, 3, 2, 1, 0]])
def test_rows_in_another_order_are_equal(order: list[int]) -> None:
    expected, actual = outputs([0, 1, 2, 3, 4, 5]), outputs(order)
    paired = pair_rows(expected, actual, AXES)
    assert not paired.counts
    np.testing.assert_array_equal(paired.actual["boxes"], paired.expected["boxes"])
    np.testing.assert_array_equal(paired.actual["scores"], paired.expected["scores"])


@pytest.mark.parametrize("kept", [[0, 2, 3, 5], [4], []])
def test_rows_without_a_counterpart_are_counted(kept: list[int]) -> None:
    expected, actual = outputs([0, 1, 2, 3, 4, 5]), outputs(kept)
    paired = pair_rows(expected, actual, AXES)
    assert paired.counts == {"boxes": (6, len(kept)), "scores": (6, len(kept))}
    np.testing.assert_array_equal(paired.actual["boxes"], ROWS[kept])
    np.testing.assert_array_equal(paired.expected["boxes"], ROWS[kept])


def test_equal_rows_are_paired_if_another_row_is_replaced() -> None:
    expected = np.array([[0.0, 0], [4, 0], [8, 0]])
    actual = np.array([[4.0, 0], [8, 0], [8, 9]])
    paired = pair_rows({"x": expected}, {"x": actual}, {"x": 0})
    np.testing.assert_array_equal(paired.actual["x"], actual[[2, 0, 1]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite_stay_in_order(value: float) -> None:
    expected, actual = outputs([0, 1, 2, 3, 4, 5]), outputs([1, 0, 2, 3, 4, 5])
    actual["boxes"] = np.where(actual["boxes"] == ROWS[3, 0], value, actual["boxes"])
    paired = pair_rows(expected, actual, AXES)
    np.testing.assert_array_equal(paired.actual["boxes"], actual["boxes"])


def test_a_different_number_of_rows_is_an_infinite_difference() -> None:
    difference = measure_difference("photo", np.zeros((3, 4)), np.zeros((3, 4)), (5, 3))
    assert (difference.max_relative, difference.rows) == (np.inf, (5, 3))


def test_two_empty_outputs_are_equal() -> None:
    difference = measure_difference("photo", np.zeros((0, 4)), np.zeros((0, 4)))
    assert (difference.max_relative, difference.cosine) == (0, 1)


@pytest.mark.parametrize(
    ("first", "second", "axis", "is_same"),
    [
        (np.zeros((3, 4)), np.zeros((5, 4)), 0, True),
        (np.zeros((3, 4)), np.zeros((5, 4)), None, False),
        (np.zeros((3, 4)), np.zeros((3, 5)), 0, False),
        (np.zeros((3, 4)), np.zeros((3, 4, 1)), 0, False),
    ],
)
def test_only_the_axis_of_rows_may_differ(
    first: Array, second: Array, axis: int | None, is_same: bool
) -> None:
    assert have_same_shape(first, second, axis) == is_same
