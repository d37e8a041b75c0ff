"""The rungs of a search: how much each remaining candidate is measured, and how."""

from __future__ import annotations

from dataclasses import dataclass

from posedeploy.tuning.configurations import Objective
from posedeploy.types import Scenario


@dataclass(frozen=True)
class Rung:
    """The amount of measurements of each remaining candidate, including all rungs before.

    rounds: the number of times. inputs: the share of the inputs. export_until: the share of the remaining
    time after which no export begins, so that time is left to measure.
    """

    rounds: int
    inputs: float
    export_until: float


RUNGS = (Rung(10, 0.25, 0.7), Rung(15, 0.25, 0.8), Rung(30, 0.5, 0.9), Rung(60, 1.0, 0.9))
RUNGS_WITH_NEIGHBORS = 2
"""The number of the first rungs after which the neighbors of the remaining candidates are added."""
MIN_INPUTS = 8
BLOCK = 5
"""The rounds that are measured and saved as one block."""
WARM_UP = 2
"""Untimed runs of each candidate before a block."""
SEARCH_UNTIL = 0.9
"""The share of the time limit after which nothing is measured, so that time is left for the winner."""
SCENARIOS: dict[Objective, Scenario] = {
    "latency": "single-stream",
    "throughput": "offline",
    "size": "single-stream",
}
"""The scenario in which candidates are timed, by objective."""
