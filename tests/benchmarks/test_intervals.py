"""Confidence intervals, compared with exact values, and the share of them that contains the true value."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from posedeploy.benchmarks.intervals import (
    independent_shift,
    mean_difference,
    paired_shift,
    percentile_interval,
)


@pytest.mark.parametrize(
    ("count", "percent", "ranks"),
    [(6, 50, (1, 6)), (10, 50, (2, 9)), (20, 50, (6, 15)), (100, 50, (40, 61)), (100, 90, (84, 96))],
)
def test_a_percentile_interval_has_the_ranks_of_the_binomial_distribution(
    count: int, percent: int, ranks: tuple[int, int]
) -> None:
    assert percentile_interval(list(range(count, 0, -1)), percent) == ranks


@pytest.mark.parametrize(("count", "percent"), [(5, 50), (1, 50), (50, 99)])
def test_too_few_values_have_no_percentile_interval(count: int, percent: int) -> None:
    assert percentile_interval([1.0] * count, percent) is None


@pytest.mark.parametrize("percent", [50, 90])
def test_a_percentile_interval_has_the_stated_coverage(percent: int) -> None:
    stream = np.random.RandomState(1)
    truth = -math.log(1 - percent / 100)
    held = 0
    for _ in range(1000):
        interval = percentile_interval(stream.exponential(size=100).tolist(), percent)
        assert interval is not None
        held += interval[0] <= truth <= interval[1]
    assert held >= 940


def test_the_paired_shift_is_the_median_of_the_pairwise_means() -> None:
    values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0, 3.5, 8.0, 7.0]
    means = sorted((a + b) / 2 for a, b in itertools.combinations_with_replacement(values, 2))
    shift = paired_shift(values)
    assert shift.value == pytest.approx(np.median(means))
    # The table of the signed-rank test: for 10 pairs and 5 %, the critical value is 8.
    assert (shift.low, shift.high) == pytest.approx((means[8], means[-9]))


def test_the_independent_shift_is_the_median_of_all_differences() -> None:
    new, old = [5.0, 7.5, 6.0, 9.0, 8.2, 7.0], [4.0, 4.5, 3.0, 5.5, 4.1, 2.0]
    differences = sorted(a - b for a, b in itertools.product(new, old))
    shift = independent_shift(new, old)
    assert shift.value == pytest.approx(np.median(differences))
    # The table of the rank-sum test: for 6 and 6 values and 5 %, the critical value is 5.
    assert (shift.low, shift.high) == pytest.approx((differences[5], differences[-6]), abs=0.4)


def test_the_interval_of_equal_values_has_no_width() -> None:
    shift = paired_shift([0.25] * 150)
    assert (shift.value, shift.low, shift.high) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize("count", [1, 5])
def test_few_pairs_have_an_infinite_interval(count: int) -> None:
    shift = paired_shift([1.0] * count)
    assert (shift.value, shift.low, shift.high) == (1.0, -math.inf, math.inf)
    assert math.isinf(independent_shift([1.0] * 2, [1.0] * 2).high)


@pytest.mark.parametrize("count", [100, 101, 400])
def test_exact_and_approximate_ranks_agree(count: int) -> None:
    values = np.random.RandomState(2).standard_normal(count)
    shift, sign = paired_shift(values), 1.96 / math.sqrt(count)
    assert shift.high - shift.low == pytest.approx(2 * sign, rel=0.2)
    assert shift.low < shift.value < shift.high


def test_the_interval_of_a_mean_is_that_of_student() -> None:
    estimate = mean_difference([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776 * math.sqrt(2.5 / 5)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((3.0, 3.0 - half, 3.0 + half))


def test_the_intervals_of_two_means_are_joined() -> None:
    estimate = mean_difference([1.0, 3.0], [0.0, 2.0, 4.0])
    half = 3.182 * math.sqrt(2 / 2 + 4 / 3)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.0, -half, half))


def test_one_value_has_no_interval() -> None:
    assert math.isinf(mean_difference([1.0]).high)


@pytest.mark.parametrize("count", [2, 5, 8, 40])
def test_the_interval_of_a_mean_covers_it_in_95_of_100_cases(count: int) -> None:
    stream, trials = np.random.RandomState(count), 4000
    estimates = [mean_difference(list(stream.standard_normal(count))) for _ in range(trials)]
    covered = sum(estimate.low <= 0 <= estimate.high for estimate in estimates)
    assert 0.94 < covered / trials < 0.97
