"""Time networks: single runs of all candidates, in a new random order in each round.

A change of the machine's speed affects all candidates alike, and none always runs after the same other one.
No time is dropped. Before each timed run, the candidate runs once untimed: the candidate before it has filled
the caches, and its threads may still be spinning.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter, process_time
from typing import Any, Generic, NamedTuple, TypeVar

import psutil

from posedeploy.benchmarks.latency import RUNS_PER_ROUND, Latency, LoadCost
from posedeploy.errors import MeasurementError, PoseDeployError
from posedeploy.runtimes.base import Runner
from posedeploy.types import Scenario, Tensors, TensorSpec

CLOCK_TICK_S = 1e-9
"""The time of a run that is too short for the clock: ratios of times need more than 0."""
Prepared = TypeVar("Prepared")
MIN_IN_FLIGHT = RUNS_PER_ROUND["offline"]
"""Inferences that are timed as one block in the offline scenario, unless the runtime has many streams."""
RUNS_PER_STREAM = 4
"""Inferences in a block for each stream of the runtime: a shorter block would mostly fill and drain them."""
SEED = 20181129
"""The default seed of the order of the candidates."""


class Clocks(NamedTuple):
    """The clocks to use, in seconds: wall time, and processor time of this process."""

    wall: Callable[[], float] = perf_counter
    cpu: Callable[[], float] = process_time


class RunTime(NamedTuple):
    """The wall time of one run, and the processor time of all threads of this process during it, in seconds.

    preprocess_s, decode_s: the times of preprocessing and decoding, if they are measured.
    """

    wall_s: float
    cpu_s: float
    preprocess_s: float | None = None
    decode_s: float | None = None


CLOCKS = Clocks()


@dataclass(frozen=True)
class ImagePipeline(Generic[Prepared]):
    """The steps from an image to poses.

    ``preprocess`` returns the input of ``run``, and what ``decode`` needs besides the outputs.
    """

    preprocess: Callable[[], tuple[Tensors, Prepared]]
    run: Callable[[Tensors], Tensors]
    decode: Callable[[Tensors, Prepared], object]


@dataclass(frozen=True)
class Candidate:
    """A loaded runner to measure, with its input and the cost of loading.

    baseline: the candidate of the same measurement that ``speedup`` is relative to. pipeline: if it is set,
    preprocessing and decoding are timed as well.
    """

    label: str
    runner: Runner
    tensors: Tensors
    batch: int
    file_bytes: int | None
    cost: LoadCost
    baseline: Candidate | None = None
    input_specs: tuple[TensorSpec, ...] = ()
    output_specs: tuple[TensorSpec, ...] = ()
    model_sha256: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    pipeline: ImagePipeline[Any] | None = None

    def describe(self, scenario: Scenario, times: Sequence[RunTime] = ()) -> Latency:
        """Return the candidate with its times, without its baseline."""
        return Latency(
            label=self.label,
            runtime_info=self.runner.runtime_info,
            scenario=scenario,
            batch=self.batch,
            file_bytes=self.file_bytes,
            loads=(replace(self.cost, runs=len(times)),),
            times_s=tuple(time.wall_s for time in times),
            cpu_times_s=tuple(time.cpu_s for time in times),
            preprocess_times_s=tuple(time.preprocess_s for time in times if time.preprocess_s is not None),
            decode_times_s=tuple(time.decode_s for time in times if time.decode_s is not None),
            load_average=psutil.getloadavg()[0],
            input_specs=self.input_specs,
            output_specs=self.output_specs,
            input_shapes={name: array.shape for name, array in self.tensors.items()},
            model_sha256=self.model_sha256,
            path=self.path,
        )


def load(
    label: str,
    opener: Callable[[], Runner],
    inputs: Callable[[Runner], Tensors],
    *,
    file_bytes: int | None = None,
    clocks: Clocks = CLOCKS,
) -> Candidate:
    """Open a runner and run it once, and time both. If the run fails, the runner is closed."""
    process = psutil.Process()
    before = process.memory_info().rss
    start = clocks.wall()
    runner = opener()
    load_s = _elapsed(start, clocks.wall())
    with ExitStack() as on_error:
        on_error.callback(runner.close)
        tensors = inputs(runner)
        first = _time(lambda: runner.run(tensors), clocks)
        on_error.pop_all()
    batch = next((array.shape[0] for array in tensors.values() if array.ndim), 1)
    growth = max(0, process.memory_info().rss - before)
    return Candidate(
        label,
        runner,
        tensors,
        batch,
        file_bytes,
        LoadCost(load_s, first.wall_s, growth),
        input_specs=runner.inputs,
        output_specs=runner.outputs,
    )


def measure(
    candidates: Sequence[Candidate],
    *,
    runs: int = 100,
    warm_up: int = 10,
    scenario: Scenario = "single-stream",
    seed: int = SEED,
    clocks: Clocks = CLOCKS,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_error: Callable[[str], None] = lambda label: None,
) -> list[Latency]:
    """Measure the candidates, one timed run of each in a round.

    Args:
        runs: timed runs of each candidate. In the offline scenario, blocks of at least ``MIN_IN_FLIGHT``
            inferences in flight are timed, as many as that number takes.
        warm_up: untimed runs of each candidate before the first round.
        seed: the seed of the order of the candidates in the rounds.
        on_progress: called with the number of finished rounds and of all rounds.
        on_error: called with the label of the candidate whose run raises an error, before it is raised.

    Raises:
        PoseDeployError: a candidate cannot run.
        MeasurementError: a clock of the machine ran backwards during a run.
    """
    blocks = [1 if scenario == "single-stream" else _in_flight(candidate.runner) for candidate in candidates]
    rounds = -(-runs // RUNS_PER_ROUND[scenario])
    for candidate, block in zip(candidates, blocks, strict=True):
        with _naming(candidate, on_error):
            for _ in range(-(-warm_up // block)):
                _time_block(candidate, block, clocks)
    times: list[list[RunTime]] = [[] for _ in candidates]
    order, shuffle = list(range(len(candidates))), random.Random(seed).shuffle
    for completed in range(1, rounds + 1):
        shuffle(order)
        for number in order:
            with _naming(candidates[number], on_error):
                _run_untimed(candidates[number])
                times[number].append(_time_block(candidates[number], blocks[number], clocks))
        on_progress(completed, rounds)
    results = [
        replace(candidate.describe(scenario, own), block=block)
        for candidate, own, block in zip(candidates, times, blocks, strict=True)
    ]
    by_candidate = {id(candidate): result for candidate, result in zip(candidates, results, strict=True)}
    return [
        replace(result, baseline=baseline.label, baseline_times_s=baseline.times_s) if baseline else result
        for candidate, result in zip(candidates, results, strict=True)
        for baseline in [by_candidate.get(id(candidate.baseline))]
    ]


@contextmanager
def _naming(candidate: Candidate, on_error: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except PoseDeployError:
        on_error(candidate.label)
        raise


def _in_flight(runner: Runner) -> int:
    """Return the number of inferences in a block of the offline scenario."""
    return max(MIN_IN_FLIGHT, RUNS_PER_STREAM * runner.runtime_info.streams)


def _run_untimed(candidate: Candidate) -> None:
    if candidate.pipeline is None:
        candidate.runner.run(candidate.tensors)
    else:
        _time_pipeline(candidate.pipeline, CLOCKS)


def _time_pipeline(pipeline: ImagePipeline[Any], clocks: Clocks) -> RunTime:
    start = clocks.wall()
    tensors, prepared = pipeline.preprocess()
    preprocess_s = _elapsed(start, clocks.wall())
    cpu = clocks.cpu()
    start = clocks.wall()
    outputs = pipeline.run(tensors)
    end = clocks.wall()
    cpu_s = _elapsed(cpu, clocks.cpu())
    decode_start = clocks.wall()
    pipeline.decode(outputs, prepared)
    return RunTime(_elapsed(start, end), cpu_s, preprocess_s, _elapsed(decode_start, clocks.wall()))


def _time_block(candidate: Candidate, block: int, clocks: Clocks) -> RunTime:
    runner, tensors = candidate.runner, candidate.tensors
    if candidate.pipeline is not None:
        return _time_pipeline(candidate.pipeline, clocks)
    if block == 1:
        return _time(lambda: runner.run(tensors), clocks)

    def run() -> None:
        for _ in runner.stream(tensors for _ in range(block)):
            pass

    whole = _time(run, clocks)
    return RunTime(whole.wall_s / block, whole.cpu_s / block)


def _time(run: Callable[[], object], clocks: Clocks) -> RunTime:
    cpu = clocks.cpu()
    start = clocks.wall()
    run()
    end = clocks.wall()
    return RunTime(_elapsed(start, end), _elapsed(cpu, clocks.cpu()))


def _elapsed(start: float, end: float) -> float:
    """Return the seconds from one reading of a clock to the next, and at least ``CLOCK_TICK_S``.

    Raises:
        MeasurementError: the clock ran backwards.
    """
    if end < start:
        raise MeasurementError(
            f"the clock of this machine went back by {start - end:.6f} s during a run, so the times are "
            "wrong; run again, and on a virtual machine check its clock source"
        )
    return max(end - start, CLOCK_TICK_S)
