"""Decide whether a network became slower or faster: an estimate, its confidence interval and a dead zone.

Two networks that ran in the same rounds are compared round by round. Between two measurements the load of
the machine changes, and affects networks by different amounts. Their times are therefore compared twice, as
they are and as multiples of a reference that was timed in both, and the interval covers both results.

The runs of one load share its placement in memory, so they are not an independent sample of what another load
would give. If a network was loaded several times, the interval therefore also covers the shift of each load.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from posedeploy.benchmarks.intervals import Estimate, independent_shift, paired_shift
from posedeploy.benchmarks.latency import Latency
from posedeploy.types import Array

Verdict: TypeAlias = Literal["slower", "faster", "no difference", "cannot tell"]
Clock: TypeAlias = Literal["wall", "cpu"]
DEAD_ZONE = 0.01
"""The largest relative difference that counts as no difference."""
CONFIDENCE = 0.99
"""Confidence of the interval of all runs and, from eight loads on, of that of the loads. With fewer loads,
each one must support the verdict, which has no such confidence: if the loads of equal networks differ by far
more than the dead zone, the ratios of three loads are all above it in up to one of eight comparisons."""
MIN_TIMES = 20
"""The number of timed runs of each network that a verdict needs."""
MAX_LOAD_DIFFERENCE = 0.5
"""The largest difference between the load averages of two measurements without a common reference."""
SAME_ROUNDS = "compare with the earlier model itself, which then runs in the same rounds"


@dataclass(frozen=True, kw_only=True)
class TimeComparison:
    """The time of a network relative to that of another one, or to its own time in an earlier measurement.

    against: the label of the other network or the name of the report. reference: the label of the row that
    both measurements were divided by; None if both networks ran in the same rounds, or no row is common.
    clock: ``cpu`` if processor time decided. ratio: this network's time divided by the other's. interval: of
    the ratio, which decides the verdict (see ``CONFIDENCE``); None for too few runs. times: the number of
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


class Shift(NamedTuple):
    """The shift of the logarithms of times: of all runs, and of the loads."""

    runs: Estimate
    loads: Estimate


@dataclass(frozen=True)
class TimedNetwork:
    """A network in one measurement, and the reference of that measurement, if any."""

    result: Latency
    reference: Latency | None = None


def compare_in_rounds(new: Latency, old: Latency) -> TimeComparison:
    """Compare two networks that ran in the same rounds, and were loaded equally often."""

    def shifts(clock: Clock) -> Iterator[Shift]:
        differences = _log(new, clock) - _log(old, clock)
        yield Shift(paired_shift(differences, CONFIDENCE), _paired_loads(_pseudomedians(differences, new)))

    return _decide([_comparison(new, old, None, clock, list(shifts(clock))) for clock in _clocks((new, old))])


def compare_measurements(new: TimedNetwork, old: TimedNetwork, against: str) -> TimeComparison:
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
    if new.reference is None and compared.interval is not None and (why := _explain_unlike(new, old)):
        reason = f"{why}, and PyTorch was not timed in both; measure on an idle machine"
        compared = replace(compared, interval=None, reason=reason)
    reason = f"{compared.reason}, or {SAME_ROUNDS}" if compared.reason else ""
    return replace(compared, against=against, reason=reason)


def _explain_unlike(new: TimedNetwork, old: TimedNetwork) -> str:
    """Return why times cannot be compared without a reference; '' if they can."""
    if new.result.warning is not None or old.result.warning is not None:
        return "its times are unreliable"
    loads = old.result.load_average, new.result.load_average
    if abs(loads[1] - loads[0]) > MAX_LOAD_DIFFERENCE:
        return f"the load average was {loads[0]:.1f} and is {loads[1]:.1f}"
    return ""


def _shifts(new: TimedNetwork, old: TimedNetwork, clock: Clock) -> Iterator[Shift]:
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
    estimate = paired_shift(shifts, CONFIDENCE)
    if math.isfinite(estimate.low):
        return estimate
    return Estimate(estimate.value, min(shifts), max(shifts))


def _independent_loads(new: Sequence[float], old: Sequence[float]) -> Estimate:
    """Return the interval of the shift between loads; all their differences if there are too few for one."""
    estimate = independent_shift(new, old, CONFIDENCE)
    if math.isfinite(estimate.low):
        return estimate
    return Estimate(estimate.value, min(new) - max(old), max(new) - min(old))


def _clocks(rows: Sequence[Latency]) -> tuple[Clock, ...]:
    """Return the clocks to try, in this order.

    Processor time leaves out the time in which a run waits while other processes use the core. It is the time
    of an inference only if one thread works on it: several threads wait for each other, and spin meanwhile.
    """
    is_single = all(row.runtime_info.threads == 1 and row.cpu_times_s for row in rows)
    return ("wall", "cpu") if is_single else ("wall",)


def _decide(comparisons: Sequence[TimeComparison]) -> TimeComparison:
    """Return the first comparison with a verdict; without one, the first with a reason.

    If all work ran on one thread and processor time contradicts wall time, there is no verdict, because the
    difference can come from other processes.
    """
    if contradiction := _contradiction(comparisons):
        return contradiction
    for each in comparisons:
        if each.verdict != "cannot tell":
            return each
    if comparisons[0].interval is None:
        few = (
            f"a verdict needs at least {MIN_TIMES} timed runs of each model, but one has only "
            f"{min(comparisons[0].times)}; increase `runs`"
        )
        return replace(comparisons[0], reason=few)
    if comparisons[0].reason:
        return comparisons[0]
    more = "increase `runs`" if len(comparisons) > 1 else "increase `runs`, use `threads=1` on a CPU"
    wide = "the confidence interval is too wide: it includes both a difference and no difference"
    return replace(comparisons[0], reason=f"{wide}; {more}")


def _contradiction(comparisons: Sequence[TimeComparison]) -> TimeComparison | None:
    """Return the comparison of wall time with a reason against its verdict; None without a contradiction.

    The times contradict each other if wall time has a verdict and the two intervals do not overlap. The
    interval of the result covers both.
    """
    wall, cpu = comparisons[0], comparisons[-1]
    if wall.verdict not in ("slower", "faster") or wall.interval is None or cpu.interval is None:
        return None
    if cpu.interval[1] >= wall.interval[0] and cpu.interval[0] <= wall.interval[1]:
        return None
    covering = min(wall.interval[0], cpu.interval[0]), max(wall.interval[1], cpu.interval[1])
    reason = (
        f"wall time changed by a factor of {wall.ratio:.3f}, but processor time by {cpu.ratio:.3f}; "
        "other processes can cause that, so measure on an idle machine"
    )
    return replace(wall, interval=covering, reason=reason)


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
        return compared
    covering = replace(compared, interval=(min(runs[0], loads[0]), max(runs[1], loads[1])))
    if covering.verdict != "cannot tell" or compared.verdict == "cannot tell":
        return covering
    differ = f"the ratio differs between loads of the models, from {loads[0]:.3f} to {loads[1]:.3f}"
    return replace(covering, reason=f"{differ}; increase `loads` and `runs`")


def _ratios(shifts: Iterable[Estimate]) -> tuple[float, float]:
    """Return the interval of ratios that covers all shifts."""
    estimates = list(shifts)
    return math.exp(min(each.low for each in estimates)), math.exp(max(each.high for each in estimates))


def _log(result: Latency, clock: Clock) -> Array:
    times: Array = np.log(result.times_s if clock == "wall" else result.cpu_times_s)
    return times
