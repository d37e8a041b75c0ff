"""The cost of a model that is alone in its process: start, peak memory and energy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psutil

from posedeploy.benchmarks.energy import EnergyCounter

MIN_RUNS, MIN_SECONDS = 10, 1.0
"""How long the model runs after the first run. Energy counters change about every millisecond."""


@dataclass(frozen=True)
class Footprint:
    """The cost of a model that is alone in its process.

    import_s: from the request to the load: the import of the runtime, and the hashes of the files. load_s,
    first_run_s: as in ``LoadCost``. peak_memory_bytes: of the whole process: Python, the runtime and the
    model. energy_j: per steady run, by the name of the counter; empty where the machine offers none.
    """

    import_s: float
    load_s: float
    first_run_s: float
    peak_memory_bytes: int
    energy_j: Mapping[str, float]


def energy_per_run(run: Callable[[], object], counters: Sequence[EnergyCounter]) -> dict[str, float]:
    """Run often enough for all that grows to have grown and, with counters, for them to count.

    The counters count the whole machine, other processes included.
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


def peak_memory(status: Path = Path("/proc/self/status")) -> int:
    """Return the most resident memory that this process has had, in bytes."""
    if status.is_file():  # the peak of ``getrusage`` on Linux includes that of the parent
        lines = status.read_text(encoding="utf-8", errors="replace").splitlines()
        (line,) = (line for line in lines if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
