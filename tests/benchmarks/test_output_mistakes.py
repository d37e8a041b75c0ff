"""Known mistakes in the outputs of networks."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.benchmarks.output_mistakes import MAX_SLICES, match_slices
from posedeploy.types import Array


def stacked(count: int) -> Array:
    return np.random.default_rng(2).normal(size=(1, count, 5)).astype(np.float32)


@pytest.mark.parametrize("count", [2, 17, 133])
def test_the_order_of_slices_is_the_one_that_agrees(count: int) -> None:
    order = np.roll(np.arange(count), 1)
    values = stacked(count)
    assert match_slices([(values, values[:, order])], axis=1) == order.tolist()


@pytest.mark.parametrize("count", [MAX_SLICES + 1, 8400])
def test_no_order_of_anchors_or_vertices_is_looked_for(count: int) -> None:
    """The assignment of thousands of slices takes hours."""
    values = stacked(count)
    assert match_slices([(values, values[:, ::-1])], axis=1) is None
