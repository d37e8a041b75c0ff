"""How long a network takes: all candidates in turn, round after round: a drifting machine hits all alike.

Raw times are kept and none is dropped. Within a round a candidate first runs once untimed, since the
candidate before it has filled the caches, then ``BLOCK`` times on the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import psutil

from posedeploy.runtimes.base import Runner
from posedeploy.types import Hint, RuntimeInfo, Tensors, TensorSpec

BLOCK = 10
"""Timed runs of one candidate in one round."""

BEYOND = 10
"""A percentile needs this many runs beyond it: p90 is given from 100 runs, p99 from 1000."""

FEW = 5
"""Times below which a spread says nothing."""

WIDE = 0.10
"""The middle half of the runs lying further apart than this part of their median calls for a warning."""


@dataclass(frozen=True)
class Latency:
    """The raw times of one candidate, in seconds, and what it took to get it going.

    load_s: from the file to a runner. first_run_s: the first inference. memory_bytes: growth of the process's
    resident memory over both. times_s: one per timed inference; with the ``throughput`` hint, one per block
    of ``BLOCK`` inferences in flight together, divided by their number. input_specs, output_specs: the
    tensors as the model file has them.
    """

    label: str
    runtime_info: RuntimeInfo
    hint: Hint
    batch: int
    file_bytes: int | None
    load_s: float
    first_run_s: float
    memory_bytes: int
    times_s: tuple[float, ...] = field(repr=False)
    load_average: float = 0.0
    baseline_median_s: float | None = None
    input_specs: tuple[TensorSpec, ...] = ()
    output_specs: tuple[TensorSpec, ...] = ()

    @property
    def load_ms(self) -> float:
        """The time from the file to a runner."""
        return 1e3 * self.load_s

    @property
    def first_run_ms(self) -> float:
        """The time of the first inference, in which a runtime may still set itself up."""
        return 1e3 * self.first_run_s

    @property
    def median_ms(self) -> float:
        """The median time of one inference."""
        return 1e3 * float(np.median(self.times_s))

    def percentile_ms(self, percent: int) -> float | None:
        """A percentile of the times, None where the runs are too few to tell it."""
        if len(self.times_s) * (100 - percent) < 100 * BEYOND:
            return None
        return 1e3 * float(np.percentile(self.times_s, percent))

    @property
    def spread(self) -> float | None:
        """The distance between the quartiles over the median; None for fewer than ``FEW`` times."""
        if len(self.times_s) < FEW:
            return None
        low, high = np.percentile(self.times_s, [25, 75])
        return float((high - low) / np.median(self.times_s))

    @property
    def images_per_s(self) -> float:
        """Images in a second at the median."""
        return 1e3 * self.batch / self.median_ms

    @property
    def speed_up(self) -> float | None:
        """How many times as fast as PyTorch on the same checkpoint, None where that was not run."""
        return 1e3 * self.baseline_median_s / self.median_ms if self.baseline_median_s else None

    @property
    def warning(self) -> str | None:
        """Why these times should not be trusted, None where nothing speaks against them."""
        if self.spread is None:
            return (
                f"{self.label}: {len(self.times_s)} times are too few to tell their spread; give more `runs`"
            )
        if self.spread <= WIDE:
            return None
        half = len(self.times_s) // 2
        drift = float(np.median(self.times_s[half:]) / np.median(self.times_s[:half]) - 1)
        why = (
            f"the second half ran {abs(drift):.0%} {'slower' if drift > 0 else 'faster'} than the first: the "
            "clock rate or the load drifted"
            if abs(drift) > WIDE / 2
            else f"with a steady center: others use the cores (load {self.load_average:.1f} on "
            f"{psutil.cpu_count()})"
        )
        return (
            f"{self.label}: half of the runs lie {self.spread:.0%} apart, {why}; run again on a quiet machine"
        )


@dataclass(frozen=True)
class Candidate:
    """Something to be timed: a runner already loaded, its input, and what loading it took.

    ``baseline`` is another candidate of the same measurement, to be compared with.
    """

    label: str
    runner: Runner
    tensors: Tensors
    batch: int
    file_bytes: int | None
    load_s: float
    first_run_s: float
    memory_bytes: int
    baseline: Candidate | None = None
    input_specs: tuple[TensorSpec, ...] = ()
    output_specs: tuple[TensorSpec, ...] = ()


def load(
    label: str,
    opener: Callable[[], Runner],
    inputs: Callable[[Runner], Tensors],
    *,
    file_bytes: int | None = None,
) -> Candidate:
    """Open a runner and run it once, on the clock. It is closed if that fails."""
    process = psutil.Process()
    before = process.memory_info().rss
    start = perf_counter()
    runner = opener()
    load_s = perf_counter() - start
    with ExitStack() as on_error:
        on_error.callback(runner.close)
        tensors = inputs(runner)
        start = perf_counter()
        runner.run(tensors)
        first_run_s = perf_counter() - start
        on_error.pop_all()
    batch = next((array.shape[0] for array in tensors.values() if array.ndim), 1)
    grown = max(0, process.memory_info().rss - before)
    return Candidate(
        label,
        runner,
        tensors,
        batch,
        file_bytes,
        load_s,
        first_run_s,
        grown,
        input_specs=runner.inputs,
        output_specs=runner.outputs,
    )


def measure(
    candidates: Sequence[Candidate],
    *,
    runs: int = 100,
    warm_up: int = 10,
    hint: Hint = "latency",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Latency]:
    """Time the candidates, interleaved in rounds.

    Args:
        runs: timed runs of each, rounded up to whole blocks. warm_up: untimed runs of each before the first
        round.
        on_progress: called with the blocks done and their number.
    """
    time_block = _one_by_one if hint == "latency" else _in_flight
    for candidate in candidates:
        for _ in range(-(-warm_up // BLOCK)):
            time_block(candidate)
    rounds = -(-runs // BLOCK)
    times: list[list[float]] = [[] for _ in candidates]
    for turn in range(rounds):
        for number, candidate in enumerate(candidates):
            candidate.runner.run(candidate.tensors)
            times[number].extend(time_block(candidate))
            on_progress(turn * len(candidates) + number + 1, rounds * len(candidates))
    medians = {
        id(candidate): float(np.median(mine)) for candidate, mine in zip(candidates, times, strict=True)
    }
    return [
        _result(candidate, mine, hint, medians) for candidate, mine in zip(candidates, times, strict=True)
    ]


def _one_by_one(candidate: Candidate) -> list[float]:
    run, tensors = candidate.runner.run, candidate.tensors
    times = []
    for _ in range(BLOCK):
        start = perf_counter()
        run(tensors)
        times.append(perf_counter() - start)
    return times


def _in_flight(candidate: Candidate) -> list[float]:
    start = perf_counter()
    for _ in candidate.runner.stream(candidate.tensors for _ in range(BLOCK)):
        pass
    return [(perf_counter() - start) / BLOCK]


def _result(candidate: Candidate, times: list[float], hint: Hint, medians: dict[int, float]) -> Latency:
    return Latency(
        candidate.label,
        candidate.runner.runtime_info,
        hint,
        candidate.batch,
        candidate.file_bytes,
        candidate.load_s,
        candidate.first_run_s,
        candidate.memory_bytes,
        tuple(times),
        psutil.getloadavg()[0],
        medians[id(candidate.baseline)] if candidate.baseline else None,
        candidate.input_specs,
        candidate.output_specs,
    )
