"""Decide whether a network became slower or faster: an estimate, its confidence interval and a dead zone.

Two networks that ran in the same rounds are compared round by round. Between two measurements the load of
the machine changes, and affects networks by different amounts. Their times are therefore compared twice, as
they are and as multiples of a reference that was timed in both, and the interval covers both results.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from posedeploy.benchmarks.intervals import Estimate, independent_shift, paired_shift
from posedeploy.benchmarks.latency import Latency
from posedeploy.types import Array

Verdict: TypeAlias = Literal["slower", "faster", "no difference", "cannot tell"]
Clock: TypeAlias = Literal["wall", "cpu"]
DEAD_ZONE = 0.01
"""The largest relative difference that counts as no difference."""
CONFIDENCE = 0.99
"""Confidence of the interval that decides the verdict. A false ``slower`` is at most 0.5 % likely (one tail);
the dead zone lowers this further."""
MIN_TIMES = 20
"""The number of timed runs of each network that a verdict needs."""
SAME_ROUNDS = "compare with the earlier model itself, which then runs in the same rounds"


@dataclass(frozen=True, kw_only=True)
class TimeComparison:
    """How the time of a network relates to that of another one, or to its own time in an earlier measurement.

    against: the label of the other network or the name of the report. reference: the label of the row that
    both measurements were divided by; None if both networks ran in the same rounds, or no row is common.
    clock: ``cpu`` if processor time decided. ratio: this network's time divided by the other's. interval: the
    confidence interval of the ratio at ``CONFIDENCE``; None for too few runs. times: the number of timed runs
    of this network and of the other. fault: why there is no verdict, and what to do.
    """

    label: str
    against: str
    reference: str | None
    clock: Clock
    ratio: float
    interval: tuple[float, float] | None
    times: tuple[int, int]
    fault: str = ""

    @property
    def verdict(self) -> Verdict:
        """``slower`` or ``faster`` if the whole interval is beyond the dead zone, ``no difference`` if it is
        within."""
        if self.interval is None:
            return "cannot tell"
        low, high = self.interval
        if low > 1 + DEAD_ZONE:
            return "slower"
        if high < 1 / (1 + DEAD_ZONE):
            return "faster"
        within = low >= 1 / (1 + DEAD_ZONE) and high <= 1 + DEAD_ZONE
        return "no difference" if within else "cannot tell"

    @property
    def remedy(self) -> str:
        """Why there is no verdict and what to do; empty with a verdict."""
        if self.verdict != "cannot tell":
            return ""
        return f"{self.label}: cannot tell whether it is slower than {self.against}: {self.fault}"


@dataclass(frozen=True)
class Timed:
    """A network in one measurement, and the reference of that measurement, if any."""

    result: Latency
    reference: Latency | None = None


def compare_in_rounds(new: Latency, old: Latency) -> TimeComparison:
    """Compare two networks that ran in the same rounds."""

    def shift(clock: Clock) -> Estimate:
        return paired_shift(_log(new, clock) - _log(old, clock), CONFIDENCE)

    return _decide([_comparison(new, old, None, clock, [shift(clock)]) for clock in _clocks((new, old))])


def compare_measurements(new: Timed, old: Timed, against: str) -> TimeComparison:
    """Compare the times of two measurements. Both have a reference, or none has.

    Args:
        against: what the earlier measurement is called.
    """
    rows = [row for row in (new.result, old.result, new.reference, old.reference) if row is not None]
    label = new.reference.label if new.reference else None
    compared = _decide(
        [
            _comparison(new.result, old.result, label, clock, list(_shifts(new, old, clock)))
            for clock in _clocks(rows)
        ]
    )
    is_steady = new.result.warning is None and old.result.warning is None
    if new.reference is None and not is_steady and compared.interval is not None:
        fault = "its times are unreliable, and PyTorch was not timed in both; measure on an idle machine"
        compared = replace(compared, interval=None, fault=fault)
    fault = f"{compared.fault}, or {SAME_ROUNDS}" if compared.fault else ""
    return replace(compared, against=against, fault=fault)


def _shifts(new: Timed, old: Timed, clock: Clock) -> Iterator[Estimate]:
    """Yield the shift relative to the reference, if any, and then that of the times themselves."""
    ours, theirs = _log(new.result, clock), _log(old.result, clock)
    if new.reference is not None and old.reference is not None:
        yield independent_shift(
            ours - _log(new.reference, clock), theirs - _log(old.reference, clock), CONFIDENCE
        )
    yield independent_shift(ours, theirs, CONFIDENCE)


def _clocks(rows: Sequence[Latency]) -> tuple[Clock, ...]:
    """Return the clocks to try, in this order.

    Processor time leaves out the time in which a run waits while other processes use the core. It is the time
    of an inference only if one thread works on it: several threads wait for each other, and spin meanwhile.
    """
    is_single = all(row.runtime_info.threads == 1 and row.cpu_times_s for row in rows)
    return ("wall", "cpu") if is_single else ("wall",)


def _decide(comparisons: Sequence[TimeComparison]) -> TimeComparison:
    """Return the first comparison that has a verdict, or else the first one with a fault."""
    for each in comparisons:
        if each.verdict != "cannot tell":
            return each
    if comparisons[0].interval is None:
        few = (
            f"a verdict needs at least {MIN_TIMES} timed runs of each model, but one has only "
            f"{min(comparisons[0].times)}; increase `runs`"
        )
        return replace(comparisons[0], fault=few)
    more = "increase `runs`" if len(comparisons) > 1 else "increase `runs`, use `threads=1` on a CPU"
    wide = "the confidence interval is too wide: it includes both a difference and no difference"
    return replace(comparisons[0], fault=f"{wide}; {more}")


def _comparison(
    new: Latency, old: Latency, reference: str | None, clock: Clock, shifts: Sequence[Estimate]
) -> TimeComparison:
    """Return the comparison whose ratio is the first shift, and whose interval covers all shifts."""
    times = len(new.times_s), len(old.times_s)
    is_known = min(times) >= MIN_TIMES
    low, high = min(shift.low for shift in shifts), max(shift.high for shift in shifts)
    return TimeComparison(
        label=new.label,
        against=old.label,
        reference=reference,
        clock=clock,
        ratio=math.exp(shifts[0].value),
        interval=(math.exp(low), math.exp(high)) if is_known else None,
        times=times,
    )


def _log(result: Latency, clock: Clock) -> Array:
    times: Array = np.log(result.times_s if clock == "wall" else result.cpu_times_s)
    return times
