"""The assignment of least cost, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from posedeploy.poses.assignment import assign
from tests.support.properties import checked


@given(
    rows=st.integers(0, 9),
    columns=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
    kinds=st.sampled_from([2, 5, 10**9]),
)
@checked
def test_costs_as_little_as_scipys(rows: int, columns: int, seed: int, kinds: int) -> None:
    costs = np.random.default_rng(seed).integers(-kinds, kinds, (rows, columns)) / 7
    pairs = assign(costs)
    assert pairs.shape == (min(rows, columns), 2)
    assert len(set(pairs[:, 0].tolist())) == len(set(pairs[:, 1].tolist())) == len(pairs)
    assert (np.diff(pairs[:, 0]) > 0).all()
    assert costs[tuple(pairs.T)].sum() == pytest.approx(costs[linear_sum_assignment(costs)].sum())


def test_the_closest_pair_does_not_always_go_first() -> None:
    assert assign(np.array([[1.0, 2.0], [2.0, 9.0]])).tolist() == [[0, 1], [1, 0]]
