"""The dropped candidates of a search, and the ranking of the others.

A candidate is dropped only if confidence intervals decide so: its error is over budget, or enough other
candidates are faster without a larger error. All others are measured further.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from posedeploy.benchmarks.intervals import Estimate, paired_shift
from posedeploy.benchmarks.time_comparison import DEAD_ZONE
from posedeploy.benchmarks.time_shifts import CONFIDENCE
from posedeploy.tuning.error_share import ErrorShare

Times: TypeAlias = Mapping[int, Sequence[float]]
"""Seconds per image in each round, by the number of the block of rounds. Candidates of one block ran in the
same rounds."""
MIN_BETTER_TO_DROP = 2
"""The number of better candidates that is at least needed to drop one."""
OVER_BUDGET = "over budget"
"""The reason for a candidate whose error is certainly over budget."""


@dataclass(frozen=True)
class Standing:
    """The measurements of one candidate.

    error: None if it was not measured. times: empty if they were not measured. size: bytes, if that is the
    objective, and None otherwise.
    """

    label: str
    error: ErrorShare | None
    times: Times = field(default_factory=dict, repr=False)
    size: int | None = None


def compare_costs(new: Standing, old: Standing) -> Estimate | None:
    """Return the logarithm of the ratio of the costs, with its interval; None without common rounds.

    The cost is the size, if that is the objective, and otherwise the time per image in the same rounds.
    """
    if new.size is not None and old.size is not None:
        ratio = math.log(new.size / old.size)
        return Estimate(ratio, ratio, ratio)
    common = [number for number in new.times if number in old.times]
    if not common:
        return None
    ours, theirs = (np.concatenate([each.times[number] for number in common]) for each in (new, old))
    return paired_shift(np.log(ours) - np.log(theirs), CONFIDENCE)


def find_dropped(standings: Sequence[Standing]) -> dict[str, str]:
    """Return the reason for each candidate that needs no further measurement, by label."""
    dropped: dict[str, str] = {}
    for each in standings:
        if is_over_budget(each.error):
            dropped[each.label] = OVER_BUDGET
    remaining = [each for each in standings if each.label not in dropped]
    enough = max(MIN_BETTER_TO_DROP, math.ceil(len(remaining) / 2))
    for each in remaining:
        better = [other for other in remaining if _beats(other, each)]
        if len(better) >= enough:
            dropped[each.label] = (
                f"{len(better)} candidates cost less, and are within the budget or at least as accurate"
            )
    return dropped


def is_over_budget(error: ErrorShare | None) -> bool:
    """Return whether an error is certainly over budget."""
    return error is not None and error.low > 1


def _beats(one: Standing, other: Standing) -> bool:
    """Return whether a candidate certainly costs less, and is certainly within the budget or no less accurate
    than the other one."""
    if one.label == other.label or one.error is None or other.error is None:
        return False
    estimate = compare_costs(other, one)
    is_cheaper = estimate is not None and estimate.low > math.log1p(DEAD_ZONE)
    return is_cheaper and (one.error.high <= 1 or one.error.value <= other.error.value)


def rank(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return the labels of the (error, cost) points within the budget, the cheapest first."""
    within = {label: point for label, point in points.items() if point[0] <= 1 and math.isfinite(point[1])}
    return sorted(within, key=lambda label: (within[label][1], within[label][0]))
