"""The measured latency of one network: raw times, and what is derived from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import psutil

from posedeploy.benchmarks.footprint import Footprint
from posedeploy.benchmarks.intervals import Estimate, paired_shift, percentile_interval
from posedeploy.printable import counted
from posedeploy.types import RuntimeInfo, Scenario, TensorSpec

RUNS_PAST_PERCENTILE = 10
"""The number of runs that must be slower than a percentile: p90 needs 100 runs, p99 needs 1000."""
RUNS_PER_ROUND: Mapping[Scenario, int] = {"single-stream": 1, "offline": 10}
"""The runs of each network in one round that an option counts. A block in the offline scenario has more of
them if the runtime has many streams."""
MIN_RUNS = 5
"""The number of timed runs that a spread needs."""
MAX_RELATIVE_SPREAD = 0.10
"""The interquartile range over the median above which the result has a warning."""


@dataclass(frozen=True)
class LoadCost:
    """The cost of one load. load_s: from the file to a runner. first_run_s: of the first inference, which may
    include setup of the runtime. memory_bytes: growth of the resident memory of the process over both. runs:
    the number of times that were measured with this load.
    """

    load_s: float
    first_run_s: float
    memory_bytes: int
    runs: int = 0


@dataclass(frozen=True, kw_only=True)
class Latency:
    """The raw times of one candidate, in seconds, one per round.

    loads: one or more; ``times_s`` holds their times one after another. times_s: one per timed inference; in
    the offline scenario one per block of ``block`` inferences in flight, divided by ``block``. cpu_times_s:
    the processor time of all threads of this process during the same inferences. preprocess_times_s,
    decode_times_s: the times of preprocessing and decoding in the same rounds, if an image was passed.
    baseline: the label of PyTorch on the same checkpoint, if it was run; ``baseline_times_s`` are its times
    in the same rounds. input_specs, output_specs: the tensors of the model file. input_shapes: the shapes of
    the arrays, by name. model_sha256: the hash of the checkpoint, or of each file. path: the path of the
    model file. footprint: the cost in a separate process, if it was measured.
    """

    label: str
    runtime_info: RuntimeInfo
    scenario: Scenario
    batch: int
    file_bytes: int | None
    loads: tuple[LoadCost, ...]
    times_s: tuple[float, ...] = field(repr=False)
    cpu_times_s: tuple[float, ...] = field(default=(), repr=False)
    preprocess_times_s: tuple[float, ...] = field(default=(), repr=False)
    decode_times_s: tuple[float, ...] = field(default=(), repr=False)
    block: int = 1
    load_average: float = 0.0
    baseline: str | None = None
    baseline_times_s: tuple[float, ...] = field(default=(), repr=False)
    input_specs: tuple[TensorSpec, ...] = ()
    output_specs: tuple[TensorSpec, ...] = ()
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    model_sha256: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    footprint: Footprint | None = None

    @property
    def load_ms(self) -> float:
        """The time of the first load, from the file to a runner."""
        return 1e3 * self.loads[0].load_s

    @property
    def first_run_ms(self) -> float:
        """The time of the first inference, which may include setup of the runtime."""
        return 1e3 * self.loads[0].first_run_s

    @property
    def memory_bytes(self) -> int:
        """The growth of the resident memory of the process over the first load and inference."""
        return self.loads[0].memory_bytes

    @property
    def median_ms(self) -> float:
        """The median time of one inference."""
        return 1e3 * float(np.median(self.times_s))

    @property
    def median_interval_ms(self) -> tuple[float, float] | None:
        """The confidence interval of the median; None for too few runs."""
        return _milliseconds(percentile_interval(self.times_s, 50))

    @property
    def cpu_ms(self) -> float | None:
        """The median processor time of one inference, of all threads; None if it was not measured."""
        return 1e3 * float(np.median(self.cpu_times_s)) if self.cpu_times_s else None

    @property
    def preprocess_ms(self) -> float | None:
        """The median time from an image to the inputs; None if it was not timed."""
        return 1e3 * float(np.median(self.preprocess_times_s)) if self.preprocess_times_s else None

    @property
    def decode_ms(self) -> float | None:
        """The median time from the outputs to poses; None if it was not timed."""
        return 1e3 * float(np.median(self.decode_times_s)) if self.decode_times_s else None

    @property
    def end_to_end_ms(self) -> float | None:
        """The median time from an image to poses; None if it was not timed."""
        return 1e3 * float(np.median(self._end_to_end_s)) if self.decode_times_s else None

    @property
    def end_to_end_interval_ms(self) -> tuple[float, float] | None:
        """The confidence interval of ``end_to_end_ms``; None without it, or for too few runs."""
        return _milliseconds(percentile_interval(self._end_to_end_s, 50)) if self.decode_times_s else None

    @property
    def _end_to_end_s(self) -> list[float]:
        return [
            sum(each) for each in zip(self.preprocess_times_s, self.times_s, self.decode_times_s, strict=True)
        ]

    def percentile_ms(self, percent: int) -> float | None:
        """Return a percentile of the times; None for too few runs."""
        if len(self.times_s) * (100 - percent) < 100 * RUNS_PAST_PERCENTILE:
            return None
        return 1e3 * float(np.percentile(self.times_s, percent))

    def percentile_interval_ms(self, percent: int) -> tuple[float, float] | None:
        """Return the confidence interval of a percentile; None for too few runs."""
        if self.percentile_ms(percent) is None:
            return None
        return _milliseconds(percentile_interval(self.times_s, percent))

    @property
    def spread(self) -> float | None:
        """The interquartile range over the median; None for fewer than ``MIN_RUNS`` times."""
        if len(self.times_s) < MIN_RUNS:
            return None
        low, high = np.percentile(self.times_s, [25, 75])
        return float((high - low) / np.median(self.times_s))

    @property
    def images_per_s(self) -> float:
        """Images per second: at the median time or, in the offline scenario, of all runs together."""
        if self.scenario == "offline":
            return self.batch * len(self.times_s) / sum(self.times_s)
        return 1e3 * self.batch / self.median_ms

    @property
    def speedup(self) -> float | None:
        """The speed relative to PyTorch on the same checkpoint: the Hodges-Lehmann estimate of the ratio of
        both times in one round; None if PyTorch was not run."""
        return math.exp(self._speedup.value) if self._speedup else None

    @property
    def speedup_interval(self) -> tuple[float, float] | None:
        """The confidence interval of ``speedup``; None without it, or for too few rounds."""
        if self._speedup is None or math.isinf(self._speedup.high):
            return None
        return math.exp(self._speedup.low), math.exp(self._speedup.high)

    @cached_property
    def _speedup(self) -> Estimate | None:
        if not self.baseline_times_s:
            return None
        return paired_shift(np.log(self.baseline_times_s) - np.log(self.times_s))

    def describe_times(self, count: int) -> str:
        """Return a number of times: ``20 timed runs``, or ``20 timed blocks of 10 runs``."""
        if self.scenario == "single-stream":
            return counted(count, "timed run")
        return f"{counted(count, 'timed block')} of {self.block} runs"

    def runs_for(self, count: int) -> int:
        """Return the value of the option ``runs`` that gives a number of times."""
        return count * RUNS_PER_ROUND[self.scenario]

    @property
    def warning(self) -> str | None:
        """The reason why the times are unreliable; None for reliable times."""
        if self.spread is None:
            return (
                f"{self.label}: the spread is unknown: it needs at least {self.describe_times(MIN_RUNS)}, "
                f"but there are only {len(self.times_s)}; increase `runs` to {self.runs_for(MIN_RUNS)}"
            )
        longest = max(self.times_s)
        if longest > sum(self.times_s) - longest:
            return (
                f"{self.label}: unreliable times: one of {self.describe_times(len(self.times_s))} took "
                f"{self.block * longest:.3g} s, longer than all others together: it was interrupted, by "
                "another program, a paused virtual machine or a jump of the clock; run again"
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


def join_loads(parts: Sequence[Sequence[Latency]]) -> tuple[Latency, ...]:
    """Return the results of several loads of the same candidates as one result for each candidate."""
    return tuple(
        replace(
            of_candidate[-1],
            loads=tuple(load for part in of_candidate for load in part.loads),
            times_s=tuple(time for part in of_candidate for time in part.times_s),
            cpu_times_s=tuple(time for part in of_candidate for time in part.cpu_times_s),
            preprocess_times_s=tuple(time for part in of_candidate for time in part.preprocess_times_s),
            decode_times_s=tuple(time for part in of_candidate for time in part.decode_times_s),
            baseline_times_s=tuple(time for part in of_candidate for time in part.baseline_times_s),
        )
        for of_candidate in zip(*parts, strict=True)
    )


def _milliseconds(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return interval and (1e3 * interval[0], 1e3 * interval[1])
