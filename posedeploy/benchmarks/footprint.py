"""The cost of a model that runs in a separate process: start, peak memory and energy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psutil

from posedeploy.benchmarks.energy import EnergyCounter

MIN_RUNS, MIN_SECONDS = 10, 1.0
"""The least number of runs after the first one, and their least duration, which is required only with energy
counters: these are updated about every millisecond."""


@dataclass(frozen=True)
class Footprint:
    """The cost of a model that runs in a separate process.

    import_s: the time before the load, which imports the runtime and hashes the files. load_s, first_run_s:
    as in ``LoadCost``. peak_memory_bytes: the peak of the whole process: Python, the runtime and the model;
    None if the system does not report it.
    energy_j: the energy of one run after the first ones, by the name of the counter; empty on machines
    without readable counters.
    """

    import_s: float
    load_s: float
    first_run_s: float
    peak_memory_bytes: int | None
    energy_j: Mapping[str, float]


def energy_per_run(run: Callable[[], object], counters: Sequence[EnergyCounter]) -> dict[str, float]:
    """Return the energy of one run in joules, by counter, and let the memory of the process reach its peak.

    The network runs at least ``MIN_RUNS`` times and, with counters, for at least ``MIN_SECONDS``. The
    counters include the energy of other processes.
    """
    starts = [counter.read_uj() for counter in counters]
    start, runs = perf_counter(), 0
    while runs < MIN_RUNS or (counters and perf_counter() - start < MIN_SECONDS):
        run()
        runs += 1
    return {
        counter.name: counter.joules_between(before, counter.read_uj()) / runs
        for counter, before in zip(counters, starts, strict=True)
    }


def peak_memory(status: Path = Path("/proc/self/status")) -> int | None:
    """Return the peak resident memory of this process, in bytes; None if the system does not report it.

    Without ``VmHWM`` in the status, as in gVisor, it can include the peak of the parent.
    """
    if status.is_file():  # the peak of ``getrusage`` on Linux includes that of the parent
        lines = status.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines:
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss or None
