"""Measure the latency of networks. All candidates run in turn, in rounds, so that drift affects all alike.

No time is dropped. In each round a candidate runs once untimed, since the previous candidate has filled the
caches, and then ``BLOCK`` times.
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
RUNS_PAST_PERCENTILE = 10
"""Runs that must lie beyond a percentile: p90 needs 100 runs, p99 needs 1000."""
MIN_RUNS = 5
"""Fewer times have no meaningful spread."""
MAX_RELATIVE_SPREAD = 0.10
"""The interquartile range over the median above which the result has a warning."""


@dataclass(frozen=True)
class Latency:
    """The raw times of one candidate, in seconds.

    load_s: from the file to a runner. first_run_s: of the first inference. memory_bytes: growth of the
    resident memory of the process over both. times_s: one per timed inference; with the ``throughput`` hint,
    one per block of ``BLOCK`` inferences in flight, divided by ``BLOCK``. input_specs, output_specs: as in
    the model file.
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
        """The time of the first inference, which may include setup of the runtime."""
        return 1e3 * self.first_run_s

    @property
    def median_ms(self) -> float:
        """The median time of one inference."""
        return 1e3 * float(np.median(self.times_s))

    def percentile_ms(self, percent: int) -> float | None:
        """Return a percentile of the times; None for too few runs."""
        if len(self.times_s) * (100 - percent) < 100 * RUNS_PAST_PERCENTILE:
            return None
        return 1e3 * float(np.percentile(self.times_s, percent))

    @property
    def spread(self) -> float | None:
        """The interquartile range over the median; None for fewer than ``MIN_RUNS`` times."""
        if len(self.times_s) < MIN_RUNS:
            return None
        low, high = np.percentile(self.times_s, [25, 75])
        return float((high - low) / np.median(self.times_s))

    @property
    def images_per_s(self) -> float:
        """Images per second at the median time."""
        return 1e3 * self.batch / self.median_ms

    @property
    def speed_up(self) -> float | None:
        """The speed relative to PyTorch on the same checkpoint; None if PyTorch was not run."""
        return 1e3 * self.baseline_median_s / self.median_ms if self.baseline_median_s else None

    @property
    def warning(self) -> str | None:
        """Why the times are unreliable; None for reliable times."""
        if self.spread is None:
            return (
                f"{self.label}: the spread is unknown: it needs at least {MIN_RUNS} times, and this has "
                f"{len(self.times_s)}; increase `runs`"
            )
        if self.spread <= MAX_RELATIVE_SPREAD:
            return None
        half = len(self.times_s) // 2
        drift = float(np.median(self.times_s[half:]) / np.median(self.times_s[:half]) - 1)
        cause = (
            f"the second half ran {abs(drift):.0%} {'slower' if drift > 0 else 'faster'} than the first: the "
            "clock rate or the load changed"
            if abs(drift) > MAX_RELATIVE_SPREAD / 2
            else f"the median is stable: other processes use the cores (load average "
            f"{self.load_average:.1f} on {psutil.cpu_count()} cores)"
        )
        return (
            f"{self.label}: unreliable times: their interquartile range is {self.spread:.0%} of the median; "
            f"{cause}; run again on an idle machine"
        )


@dataclass(frozen=True)
class Candidate:
    """A loaded runner to measure, with its input and the cost of loading.

    baseline: the candidate of the same measurement that ``speed_up`` is relative to.
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
    """Open a runner and run it once, and time both. If the run fails, the runner is closed."""
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
    growth = max(0, process.memory_info().rss - before)
    return Candidate(
        label,
        runner,
        tensors,
        batch,
        file_bytes,
        load_s,
        first_run_s,
        growth,
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
    """Measure the candidates, interleaved in rounds.

    Args:
        runs: timed runs of each candidate, rounded up to whole blocks.
        warm_up: untimed runs of each candidate before the first round.
        on_progress: called with the number of finished blocks and of all blocks.
    """
    time_block = _one_by_one if hint == "latency" else _in_flight
    for candidate in candidates:
        for _ in range(-(-warm_up // BLOCK)):
            time_block(candidate)
    rounds = -(-runs // BLOCK)
    times: list[list[float]] = [[] for _ in candidates]
    for completed in range(rounds):
        for number, candidate in enumerate(candidates):
            candidate.runner.run(candidate.tensors)
            times[number].extend(time_block(candidate))
            on_progress(completed * len(candidates) + number + 1, rounds * len(candidates))
    medians = {id(candidate): float(np.median(own)) for candidate, own in zip(candidates, times, strict=True)}
    return [_result(candidate, own, hint, medians) for candidate, own in zip(candidates, times, strict=True)]


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
