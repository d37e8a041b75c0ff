"""Benchmarks of few runs, for tests of everything but the times."""

from __future__ import annotations

from typing import Any

import pytest

from posedeploy.benchmarks import timing
from posedeploy.benchmarks.latency import MIN_RUNS, Latency


def time_briefly(patch: pytest.MonkeyPatch) -> None:
    """Time each model ``MIN_RUNS`` times only, without a warm-up."""
    measure = timing.measure

    def measure_briefly(*args: Any, **options: Any) -> list[Latency]:
        runs = min(options.get("runs", MIN_RUNS), MIN_RUNS)
        return measure(*args, **{**options, "runs": runs, "warm_up": 0})

    patch.setattr(timing, "measure", measure_briefly)
