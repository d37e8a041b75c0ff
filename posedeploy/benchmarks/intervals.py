"""Confidence intervals of percentiles, of the shift between two sets, and of the mean of a few values.

Percentiles use order statistics and the binomial distribution. Shifts use the Hodges-Lehmann estimate with
the interval that belongs to it: the signed-rank test for pairs, the rank-sum test for two independent sets.
These assume no normal distribution, but need many values. Means use Student's t and need few values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from posedeploy.types import Array

CONFIDENCE = 0.95
"""Of the intervals of medians, percentiles and speedups."""
MAX_EXACT_PAIRS = 100
"""Up to this number of pairs, the distribution of the signed-rank statistic is computed exactly."""
BISECTIONS = 80
"""Halvings of a range of floats until no number lies between its ends."""

STUDENT_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t for an interval of 95%, by the degrees of freedom from 1 on. The last one also serves for more,
where the interval is too wide by at most 5%."""


@dataclass(frozen=True)
class Estimate:
    """A value, with the ends of its confidence interval: infinite where there are too few values for one."""

    value: float
    low: float
    high: float


def percentile_interval(
    values: Sequence[float], percent: float, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Return the interval of a percentile: two of the values; None for too few values.

    The number of values below the true percentile is binomial, whatever the distribution of the values is.
    """
    count = len(values)
    tail = (1 - confidence) / 2
    below = np.cumsum(_binomial(count, percent / 100))  # below[k]: at most k values lie below
    low = int(np.searchsorted(below, tail, side="right"))  # the largest rank with P(fewer values) <= tail
    high = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    if low < 1 or high > count:
        return None
    ordered = np.sort(np.asarray(values, float))
    return float(ordered[low - 1]), float(ordered[high - 1])


def paired_shift(differences: Sequence[float] | Array, confidence: float = CONFIDENCE) -> Estimate:
    """Return the Hodges-Lehmann estimate for paired differences: the median of their pairwise means."""
    values = np.sort(np.asarray(differences, float))
    count = len(values)
    means = count * (count + 1) // 2
    skipped = _signed_rank_quantile(count, (1 - confidence) / 2)

    def mean_of_rank(rank: int) -> float:
        # Pairs in both orders, and each value with itself once more, count every mean twice.
        return _sum_of_rank(values, values, 2 * rank - 1, diagonal=True) / 2

    value = (mean_of_rank((means + 1) // 2) + mean_of_rank(means // 2 + 1)) / 2
    if skipped < 1:
        return Estimate(value, -math.inf, math.inf)
    return Estimate(value, mean_of_rank(skipped), mean_of_rank(means + 1 - skipped))


def independent_shift(
    new: Sequence[float] | Array, old: Sequence[float] | Array, confidence: float = CONFIDENCE
) -> Estimate:
    """Return the Hodges-Lehmann estimate of ``new`` minus ``old``: the median of all differences."""
    left, right = np.sort(np.asarray(new, float)), np.sort(-np.asarray(old, float))
    n, m = len(left), len(right)
    std = math.sqrt(n * m * (n + m + 1) / 12)
    skipped = math.floor((n * m + 1) / 2 - _normal_quantile(confidence) * std)
    value = (_sum_of_rank(left, right, (n * m + 1) // 2) + _sum_of_rank(left, right, n * m // 2 + 1)) / 2
    if skipped < 1:
        return Estimate(value, -math.inf, math.inf)
    return Estimate(value, _sum_of_rank(left, right, skipped), _sum_of_rank(left, right, n * m + 1 - skipped))


def mean_difference(new: Sequence[float], old: Sequence[float] = (0.0,)) -> Estimate:
    """Return the mean of ``new`` minus that of ``old``, with its interval at 95% confidence.

    Args:
        old: a single value, which is taken as exact, or several.
    """
    value, variance, freedom = float(np.mean(new) - np.mean(old)), 0.0, 0
    for values in (new, old):
        if len(values) > 1:
            variance += float(np.var(values, ddof=1)) / len(values)
            freedom += len(values) - 1
    if not freedom:
        return Estimate(value, -math.inf, math.inf)
    half = STUDENT_95[min(freedom, len(STUDENT_95)) - 1] * math.sqrt(variance)
    return Estimate(value, value - half, value + half)


def _sum_of_rank(left: Array, right: Array, rank: int, *, diagonal: bool = False) -> float:
    """Return the sum of this rank among all sums of a value of ``left`` and one of ``right``, both sorted.

    No array of all sums is made: it would have 10^8 entries for 10,000 runs.

    diagonal: count each sum of a value with itself twice.
    """
    low, high = float(left[0] + right[0]), float(left[-1] + right[-1])
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        smaller = int(np.searchsorted(right, middle - left, side="right").sum())
        if diagonal:
            smaller += int(np.count_nonzero(2 * left <= middle))
        if smaller >= rank:
            high = middle
        else:
            low = middle
    return high


def _binomial(count: int, chance: float) -> Array:
    """Return the probabilities of 0 to ``count`` successes."""
    log_factorials = np.cumsum(np.log(np.maximum(np.arange(count + 1), 1)))
    ways = log_factorials[-1] - log_factorials - log_factorials[::-1]
    successes = np.arange(count + 1)
    logarithms: Array = ways + successes * math.log(chance) + (count - successes) * math.log1p(-chance)
    return np.exp(logarithms)


def _signed_rank_quantile(count: int, tail: float) -> int:
    """Return the rank of the mean that ends the interval, from either end; below 1 for too few pairs."""
    if count > MAX_EXACT_PAIRS:
        std = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
        return math.floor((count * (count + 1) / 2 + 1) / 2 - _normal_quantile(1 - 2 * tail) * std)
    chances = np.zeros(count * (count + 1) // 2 + 1)
    chances[0] = 1.0
    for rank in range(1, count + 1):
        chances[rank:] = (chances[rank:] + chances[:-rank]) / 2
        chances[:rank] /= 2
    return int(np.searchsorted(np.cumsum(chances), tail, side="right"))


def _normal_quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
