"""Halving on made-up measurements, the Pareto front and the rank."""

from __future__ import annotations

import math

import numpy as np
import pytest

from posedeploy.benchmarks.pose_comparison import ImagePairs
from posedeploy.pareto import find_front
from posedeploy.tuning.error_share import ErrorShare
from posedeploy.tuning.standings import Standing, Times, compare_costs, find_dropped, rank

NO_IMAGES: tuple[ImagePairs, ...] = ()


def times(level: float, rounds: int = 20, spread: float = 0.02, seed: int = 0, block: int = 0) -> Times:
    """Return times around a level; those of the same block share the load of the machine in each round."""
    load = np.random.RandomState(block).uniform(1, 4, rounds)
    own = np.random.RandomState(seed + 100).uniform(1 - spread, 1 + spread, rounds)
    return {block: list(level * load * own)}


def standing(
    label: str, level: float, error: tuple[float, float, float], seed: int = 0, rounds: int = 20
) -> Standing:
    low, value, high = error
    return Standing(label, ErrorShare(NO_IMAGES, value, low, high), times(level, rounds, seed=seed))


WITHIN, OPEN, OVER = (0.1, 0.2, 0.3), (0.5, 0.9, 1.4), (1.2, 2.0, 3.0)


def test_the_slower_half_is_dropped() -> None:
    rows = [standing(f"at {level}", level, WITHIN, seed=level) for level in (1, 2, 3, 4)]
    assert find_dropped(rows) == {
        "at 3": "2 candidates cost less, and are within the budget or at least as accurate",
        "at 4": "3 candidates cost less, and are within the budget or at least as accurate",
    }


def test_what_is_certainly_over_budget_is_dropped_and_drops_nothing() -> None:
    rows = [standing(f"fast {number}", 1, OVER, seed=number) for number in range(3)]
    rows.append(standing("slow", 9, WITHIN, seed=9))
    assert find_dropped(rows) == {f"fast {number}": "over budget" for number in range(3)}


def test_an_accurate_candidate_stays_while_faster_ones_may_be_over_budget() -> None:
    rows = [standing(f"fast {number}", 1, OPEN, seed=number) for number in range(3)]
    rows.append(standing("slow", 9, WITHIN, seed=9))
    assert find_dropped(rows) == {}


def test_faster_candidates_of_no_larger_error_drop_one_that_may_be_over_budget() -> None:
    rows = [standing(f"fast {number}", 1, OPEN, seed=number) for number in range(3)]
    rows.append(standing("slow", 9, OPEN, seed=9))
    assert list(find_dropped(rows)) == ["slow"]


def test_too_few_rounds_drop_nothing() -> None:
    rows = [standing(f"at {level}", level, WITHIN, seed=level, rounds=5) for level in (1, 2, 3, 4)]
    assert find_dropped(rows) == {}


def test_equal_candidates_are_not_dropped() -> None:
    rows = [standing(f"same {number}", 1, WITHIN, seed=number) for number in range(6)]
    assert find_dropped(rows) == {}


def test_differences_within_the_dead_zone_drop_nothing() -> None:
    rows = [
        Standing(str(number), ErrorShare(NO_IMAGES, 0.2, 0.1, 0.3), times(level, spread=1e-4, seed=number))
        for number, level in enumerate((1.0, 1.0, 1.0, 1.005))
    ]
    assert find_dropped(rows) == {}


def test_only_common_rounds_are_compared() -> None:
    """The second block ran under a higher load, in which the old one took no part."""
    old = Standing("old", None, times(1.0, block=0))
    new = Standing("new", None, {**times(1.1, seed=1, block=0), 1: [50.0] * 20})
    estimate = compare_costs(new, old)
    assert estimate is not None
    assert math.exp(estimate.value) == pytest.approx(1.1, rel=0.02)


def test_candidates_without_common_rounds_are_not_compared() -> None:
    assert (
        compare_costs(Standing("a", None, times(1, block=0)), Standing("b", None, times(2, block=1))) is None
    )


def test_sizes_are_compared_exactly() -> None:
    error = ErrorShare(NO_IMAGES, 0.2, 0.1, 0.3)
    rows = [Standing(f"{size} bytes", error, size=size) for size in (1000, 1005, 1200, 2000)]
    assert list(find_dropped(rows)) == ["1200 bytes", "2000 bytes"]


POINTS = {
    "slow and exact": (0.0, 9.0),
    "slower and exact": (0.0, 10.0),
    "balanced": (0.5, 5.0),
    "worse": (0.6, 6.0),
    "fast": (1.5, 2.0),
    "broken": (math.inf, 1.0),
}


def test_the_front_has_what_nothing_beats() -> None:
    assert find_front(POINTS) == ["fast", "balanced", "slow and exact"]


def test_the_rank_has_what_is_within_the_budget() -> None:
    assert rank(POINTS) == ["balanced", "worse", "slow and exact", "slower and exact"]


def test_the_best_within_the_budget_is_on_the_front() -> None:
    rng = np.random.RandomState(1)
    for number in range(50):
        points = {str(row): (share, cost) for row, (share, cost) in enumerate(rng.uniform(0, 2, (12, 2)))}
        ranked = rank(points)
        assert not ranked or ranked[0] in find_front(points), number
