"""Decide whether a network became slower or faster: an estimate, its confidence interval and a dead zone.

Two networks that ran in the same rounds are compared round by round. Between two measurements the load of
the machine changes, and affects networks by different amounts. Their times are therefore compared twice, as
they are and as multiples of a reference that was timed in both, and the interval covers both results. Other
processes can still slow down only one of the two networks. The interval allows for this, by the load average.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from posedeploy.benchmarks.intervals import Estimate
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.time_shifts import Clock, Shift, compute_independent_shifts, compute_paired_shift
from posedeploy.benchmarks.timed_network import TimedNetwork, explain_incomparable, explain_other_load
from posedeploy.benchmarks.timing import CLOCK_TICK_S

Verdict: TypeAlias = Literal["slower", "faster", "no difference", "cannot tell"]
DEAD_ZONE = 0.01
"""The largest relative difference that counts as no difference."""
MIN_TIMES = 20
"""The number of times of each network that a verdict needs."""
ROUNDING_S = 2e-9
"""The largest difference between two equal times, after their clock was rounded."""
SAME_ROUNDS = "compare with the earlier model itself, which then runs in the same rounds"


@dataclass(frozen=True, kw_only=True)
class TimeComparison:
    """The time of a network relative to that of another one, or to its own time in an earlier measurement.

    against: the label of the other network or the name of the report. reference: the label of the row that
    both measurements were divided by; None if both networks ran in the same rounds, or no row is common.
    clock: ``cpu`` if processor time decided. ratio: this network's time divided by the other's. interval: of
    the ratio, which decides the verdict (see ``time_shifts``); None for too few runs. times: the number of
    timed runs of this network and of the other. reason: why there is no verdict, and what to do.
    earlier_file: the model file of the earlier report, if it still exists and ran in the same rounds.
    """

    label: str
    against: str
    reference: str | None
    clock: Clock
    ratio: float
    interval: tuple[float, float] | None
    times: tuple[int, int]
    reason: str = ""
    earlier_file: str | None = None

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
    def warning(self) -> str:
        """The reason why there is no verdict, and what to do; empty with a verdict."""
        if self.verdict != "cannot tell":
            return ""
        return f"{self.label}: cannot tell whether it is slower than {self.against}: {self.reason}"


def compare_in_rounds(new: Latency, old: Latency) -> TimeComparison:
    """Compare two networks that ran in the same rounds, and were loaded equally often."""
    return _decide(
        [
            _comparison(new, old, None, clock, [compute_paired_shift(new, old, clock)])
            for clock in _clocks((new, old))
        ],
        _are_single((new, old)),
    )


def compare_measurements(new: TimedNetwork, old: TimedNetwork, against: str) -> TimeComparison:
    """Compare the times of two measurements. Both have a reference, or none has.

    Args:
        against: what the earlier measurement is called.
    """
    rows = [row for row in (new.result, old.result, new.reference, old.reference) if row is not None]
    label = new.reference.label if new.reference else None
    compared = _decide(
        [
            _comparison(
                new.result, old.result, label, clock, list(compute_independent_shifts(new, old, clock))
            )
            for clock in _clocks(rows)
        ],
        _are_single(rows),
    )
    if compared.interval is not None:
        compared = _allow_for_load(compared, compared.interval, new, old)
    reason = f"{compared.reason}, or {SAME_ROUNDS}" if compared.reason else ""
    return replace(compared, against=against, reason=reason)


def _allow_for_load(
    compared: TimeComparison, interval: tuple[float, float], new: TimedNetwork, old: TimedNetwork
) -> TimeComparison:
    """Return the comparison with an interval that allows for the effect of other processes."""
    if why := explain_incomparable(new, old):
        return replace(compared, interval=None, reason=f"{why}; measure on an idle machine")
    factor, why = explain_other_load(new, old)
    allowed = replace(compared, interval=(interval[0] / factor, interval[1] * factor))
    unchanged = compared.verdict == allowed.verdict
    return allowed if unchanged else replace(allowed, reason=f"{why}; measure on an idle machine")


def _clocks(rows: Sequence[Latency]) -> tuple[Clock, ...]:
    """Return the clocks to try, in this order.

    Processor time leaves out the time in which a run waits while other processes use the core. It is the time
    of an inference only if one thread works on it: several threads wait for each other, and spin meanwhile.
    On some systems, it advances in steps that are too long for these runs.
    """
    is_usable = _are_single(rows) and all(row.cpu_times_s and not _is_coarse(row.cpu_times_s) for row in rows)
    return ("wall", "cpu") if is_usable else ("wall",)


def _are_single(rows: Iterable[Latency]) -> bool:
    """Return whether one thread does all work."""
    return all(row.runtime_info.threads == 1 for row in rows)


def _is_coarse(times_s: Sequence[float]) -> bool:
    """Return whether the step of the clock is longer than the dead zone of these times.

    The step is the smallest difference between two of them; a run within one step has the time
    ``CLOCK_TICK_S``.
    """
    times = np.unique(times_s)
    steps = np.diff(times)
    steps = steps[steps > ROUNDING_S]
    is_within_step = times[0] <= CLOCK_TICK_S
    return bool(is_within_step or not len(steps) or steps.min() > DEAD_ZONE * np.median(times_s))


def _decide(comparisons: Sequence[TimeComparison], is_single: bool) -> TimeComparison:
    """Return the first comparison with a verdict; without one, the first with a reason.

    If all work ran on one thread and processor time contradicts wall time, both together decide, because the
    difference can come from other processes.
    """
    if contradiction := _contradiction(comparisons):
        return contradiction
    for each in comparisons:
        if each.verdict != "cannot tell":
            return each
    if comparisons[0].reason:
        return comparisons[0]
    more = "increase `runs`" if is_single else "increase `runs`, use `threads=1` on a CPU"
    wide = "the confidence interval is too wide: it includes both a difference and no difference"
    return replace(comparisons[0], reason=f"{wide}; {more}")


def _contradiction(comparisons: Sequence[TimeComparison]) -> TimeComparison | None:
    """Return the comparison of wall time with an interval that also covers that of processor time; None if
    the two intervals overlap, so that there is no contradiction."""
    wall, cpu = comparisons[0], comparisons[-1]
    if wall.interval is None or cpu.interval is None:
        return None
    if cpu.interval[1] >= wall.interval[0] and cpu.interval[0] <= wall.interval[1]:
        return None
    covering = min(wall.interval[0], cpu.interval[0]), max(wall.interval[1], cpu.interval[1])
    both = replace(wall, interval=covering)
    if both.verdict != "cannot tell":
        return both
    reason = (
        f"wall time changed by a factor of {wall.ratio:.3f}, but processor time by {cpu.ratio:.3f}; "
        "other processes can cause that, so measure on an idle machine"
    )
    return replace(both, reason=reason)


def _comparison(
    new: Latency, old: Latency, reference: str | None, clock: Clock, shifts: Sequence[Shift]
) -> TimeComparison:
    """Return the comparison whose ratio is the first shift, and whose interval covers all shifts."""
    times = len(new.times_s), len(old.times_s)
    runs, loads = _ratios(shift.runs for shift in shifts), _ratios(shift.loads for shift in shifts)
    compared = TimeComparison(
        label=new.label,
        against=old.label,
        reference=reference,
        clock=clock,
        ratio=math.exp(shifts[0].runs.value),
        interval=runs if min(times) >= MIN_TIMES else None,
        times=times,
    )
    if compared.interval is None:
        return replace(compared, reason=_describe_few(new, old))
    covering = replace(compared, interval=(min(runs[0], loads[0]), max(runs[1], loads[1])))
    if covering.verdict != "cannot tell" or compared.verdict == "cannot tell":
        return covering
    differ = f"the ratio differs between loads of the models, from {loads[0]:.3f} to {loads[1]:.3f}"
    return replace(covering, reason=f"{differ}; increase `loads` and `runs`")


def _describe_few(new: Latency, old: Latency) -> str:
    """Return why two measurements are too few for a verdict, and what to do."""
    needed = f"a verdict needs at least {new.describe_times(MIN_TIMES)} of each model"
    if len(old.times_s) < MIN_TIMES <= len(new.times_s):
        return (
            f"{needed}, but the earlier report has only {len(old.times_s)} of {old.label}; write it again "
            f"with `runs` of {old.runs_for(MIN_TIMES)}"
        )
    fewest = min(len(new.times_s), len(old.times_s))
    return f"{needed}, but one has only {fewest}; increase `runs` to {new.runs_for(MIN_TIMES)}"


def _ratios(shifts: Iterable[Estimate]) -> tuple[float, float]:
    """Return the interval of ratios that covers all shifts."""
    estimates = list(shifts)
    return math.exp(min(each.low for each in estimates)), math.exp(max(each.high for each in estimates))
