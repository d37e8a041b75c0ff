"""A network in one measurement, and whether the times of two measurements can be compared."""

from __future__ import annotations

from dataclasses import dataclass

from posedeploy.benchmarks.latency import Latency
from posedeploy.printable import counted

MAX_LOAD_DIFFERENCE = 0.5
"""The largest difference between the load averages of two measurements without a common reference."""
MAX_OTHER_LOAD = 0.5
"""The largest excess of the load average over the threads of a measurement that is not attributed to other
processes."""


@dataclass(frozen=True)
class TimedNetwork:
    """A network in one measurement, and the reference of that measurement, if any."""

    result: Latency
    reference: Latency | None = None

    @property
    def threads(self) -> int:
        """The number of threads of the measurement, at least 1."""
        rows = [row for row in (self.result, self.reference) if row is not None]
        return max(1, *(row.runtime_info.threads or 0 for row in rows))

    @property
    def other_load(self) -> float:
        """The load average minus the threads of the measurement; 0 if it is at most ``MAX_OTHER_LOAD``."""
        other = self.result.load_average - self.threads
        return other if other > MAX_OTHER_LOAD else 0.0


def explain_other_load(new: TimedNetwork, old: TimedNetwork) -> tuple[float, str]:
    """Return the factor by which other processes can have changed a ratio of times, and the reason.

    A thread that shares its core with other processes of load average 2 gets a third of the core, and this
    may affect only one of the two networks. Without other processes, the factor is 1 and the reason empty.
    """
    factor = 1 + max(new.other_load, old.other_load)
    when, loaded = ("is", new) if new.other_load >= old.other_load else ("was", old)
    if factor == 1:
        return factor, ""
    load, threads = loaded.result.load_average, counted(loaded.threads, "thread")
    return factor, (
        f"the load average {when} {load:.1f}, but the measurement had {threads}, so other processes can have "
        f"changed the ratio by a factor of up to {factor:.1f}"
    )


def explain_incomparable(new: TimedNetwork, old: TimedNetwork) -> str:
    """Return why times without a common reference cannot be compared; '' if they can."""
    if new.reference is not None:
        return ""
    if new.result.warning is not None or old.result.warning is not None:
        return "its times are unreliable, and PyTorch was not timed in both"
    loads = old.result.load_average, new.result.load_average
    if abs(loads[1] - loads[0]) > MAX_LOAD_DIFFERENCE:
        return f"the load average was {loads[0]:.1f} and is {loads[1]:.1f}, and PyTorch was not timed in both"
    return ""
