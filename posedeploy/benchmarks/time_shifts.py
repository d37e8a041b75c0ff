"""The shift between the times of two networks: the difference of their logarithms, of all runs and of loads.

The runs of one load share its placement in memory, so they are not an independent sample of what another load
would give. The shifts of the loads are therefore estimated as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from posedeploy.benchmarks.intervals import Estimate, independent_shift, mean_difference, paired_shift
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.timed_network import TimedNetwork
from posedeploy.types import Array

Clock: TypeAlias = Literal["wall", "cpu"]
CONFIDENCE = 0.99
"""The confidence of the interval of all runs. From ``MIN_LOADS`` loads on, the interval of the loads has a
confidence of 95%."""
MIN_LOADS = 4
"""With fewer loads, each load must support the verdict, which then has no known confidence: in up to one of
eight comparisons of equal networks, the ratios of three loads are all above the dead zone."""


class Shift(NamedTuple):
    """The shift of the logarithms of times: of all runs, and of the loads."""

    runs: Estimate
    loads: Estimate


def compute_paired_shift(new: Latency, old: Latency, clock: Clock) -> Shift:
    """Return the shift of two networks that ran in the same rounds."""
    differences = _log(new, clock) - _log(old, clock)
    return Shift(paired_shift(differences, CONFIDENCE), _paired_loads(_pseudomedians(differences, new)))


def compute_independent_shifts(new: TimedNetwork, old: TimedNetwork, clock: Clock) -> Iterator[Shift]:
    """Yield the shift relative to the reference, if any, and then that of the times themselves."""
    ours, theirs = _log(new.result, clock), _log(old.result, clock)
    if new.reference is not None and old.reference is not None:
        yield _independent_shift(
            ours - _log(new.reference, clock), theirs - _log(old.reference, clock), new.result, old.result
        )
    yield _independent_shift(ours, theirs, new.result, old.result)


def _independent_shift(ours: Array, theirs: Array, new: Latency, old: Latency) -> Shift:
    loads = _independent_loads(_pseudomedians(ours, new), _pseudomedians(theirs, old))
    return Shift(independent_shift(ours, theirs, CONFIDENCE), loads)


def _pseudomedians(values: Array, result: Latency) -> list[float]:
    """Return the pseudomedian of the values of each load that has any."""
    runs = [load.runs for load in result.loads]
    parts = np.split(values, np.cumsum(runs)[:-1]) if sum(runs) == len(values) else [values]
    return [paired_shift(part).value for part in parts if len(part)]


def _paired_loads(shifts: Sequence[float]) -> Estimate:
    """Return the interval of the shifts of loads; all of them if there are too few for one."""
    if len(shifts) >= MIN_LOADS:
        return mean_difference(shifts)
    return Estimate(paired_shift(shifts).value, min(shifts), max(shifts))


def _independent_loads(new: Sequence[float], old: Sequence[float]) -> Estimate:
    """Return the interval of the shift between loads; all their differences if there are too few for one."""
    if min(len(new), len(old)) >= MIN_LOADS:
        return mean_difference(new, old)
    return Estimate(independent_shift(new, old).value, min(new) - max(old), max(new) - min(old))


def _log(result: Latency, clock: Clock) -> Array:
    times: Array = np.log(result.times_s if clock == "wall" else result.cpu_times_s)
    return times
