"""The time of a candidate, relative to PyTorch in the same rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain

import numpy as np

from posedeploy.benchmarks.intervals import paired_shift
from posedeploy.tuning.standings import Times


@dataclass(frozen=True)
class TimeCost:
    """The time of one image, as a multiple of that of PyTorch in the same rounds.

    speedup: relative to PyTorch. interval: of ``speedup``; None for too few rounds. baseline_s: the median
    time of PyTorch over the whole search. rounds: the number of rounds.
    """

    speedup: float
    interval: tuple[float, float] | None
    baseline_s: float
    rounds: int

    @property
    def seconds(self) -> float:
        """Seconds per image at the speed of the machine at which PyTorch takes ``baseline_s``.

        Unlike the median of the times, this does not depend on which rounds a candidate took part in.
        """
        return self.baseline_s / self.speedup

    @property
    def seconds_interval(self) -> tuple[float, float] | None:
        """The confidence interval of ``seconds``; None for too few rounds."""
        if self.interval is None:
            return None
        return self.baseline_s / self.interval[1], self.baseline_s / self.interval[0]


def measure_cost(times: Times, baseline: Times) -> TimeCost | None:
    """Return the cost of a candidate; None if it was not timed."""
    if not times:
        return None
    ratios = [np.log(baseline[number]) - np.log(own) for number, own in times.items()]
    estimate = paired_shift(np.concatenate(ratios))
    interval = None
    if math.isfinite(estimate.low):
        interval = math.exp(estimate.low), math.exp(estimate.high)
    median = float(np.median(list(chain.from_iterable(baseline.values()))))
    return TimeCost(math.exp(estimate.value), interval, median, sum(map(len, times.values())))
