"""How often models are run and loaded in a benchmark."""

from __future__ import annotations

from posedeploy.api.benchmark_candidates import BenchmarkOptions, count_rounds
from posedeploy.benchmarks.latency import RUNS_PER_ROUND
from posedeploy.benchmarks.time_comparison import MIN_TIMES
from posedeploy.errors import InputError
from posedeploy.printable import counted
from posedeploy.types import Scenario

RUNS = 100
LOADS_TO_COMPARE = 8
"""Loads of each model for ``compare``. The placement in memory changes the times of each load a little."""


def choose_runs(runs: int | None, scenario: Scenario, *, is_compared: bool) -> int:
    """Return the number of runs, or the default for None: with a comparison, enough for a verdict."""
    if runs is not None:
        return runs
    return max(RUNS, MIN_TIMES * RUNS_PER_ROUND[scenario]) if is_compared else RUNS


def choose_loads(runs: int, loads: int | None, scenario: Scenario, *, is_compared: bool) -> int:
    """Return the number of loads, or the default for None: with a comparison, several if there are enough
    runs."""
    if loads is not None:
        return loads
    return max(1, min(LOADS_TO_COMPARE, count_rounds(runs, scenario))) if is_compared else 1


def check_scenario(settings: BenchmarkOptions, scenario: Scenario) -> None:
    """Check that the scenario allows the image and the number of loads.

    Raises:
        InputError: it does not.
    """
    if settings.image is not None and scenario == "offline":
        raise InputError(
            "`image`: the offline scenario times the network alone; use `scenario=single-stream`"
        )
    rounds = count_rounds(settings.runs, scenario)
    if settings.loads > rounds:
        raise InputError(
            f"`loads={settings.loads}`: the {counted(rounds, 'block')} of {RUNS_PER_ROUND[scenario]} runs "
            "are divided among the loads; expected at most as many loads as blocks; increase `runs` to "
            f"{settings.loads * RUNS_PER_ROUND[scenario]}"
        )
