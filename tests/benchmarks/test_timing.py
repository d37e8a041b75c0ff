"""The runs that are timed, their order and the clock. No test depends on the speed of the machine."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np
import pytest

from posedeploy.benchmarks.timing import MIN_IN_FLIGHT, Candidate, Clocks, ImagePipeline, load, measure
from posedeploy.errors import MeasurementError
from posedeploy.runtimes.base import Runner
from posedeploy.types import RuntimeInfo, Tensors, TensorSpec

RUNTIME_INFO = RuntimeInfo("diary", "1", "CPU", "fp32", 1)
INPUT = {"data": np.zeros((2, 1), np.float32)}


class Diary(Runner):
    """A runner that writes its name to a diary for every run, in capitals for runs of a stream."""

    inputs = (TensorSpec("data", (2, 1)),)
    outputs = inputs
    runtime_info = RUNTIME_INFO

    def __init__(self, name: str, diary: list[str]) -> None:
        self.name, self.diary = name, diary

    def _run(self, tensors: Tensors) -> Tensors:
        self.diary.append(self.name)
        return tensors

    def _stream(self, batches: Iterator[Tensors]) -> Generator[Tensors, None, None]:
        for batch in batches:
            self.diary.append(self.name.upper())
            yield batch


def _candidates(diary: list[str]) -> list[Candidate]:
    return [load(name, lambda name=name: Diary(name, diary), lambda _: INPUT) for name in "abc"]


def _rounds(seed: int, runs: int = 30) -> list[str]:
    diary: list[str] = []
    candidates = _candidates(diary)
    diary.clear()
    measure(candidates, runs=runs, warm_up=0, seed=seed)
    return ["".join(diary[start : start + 6]) for start in range(0, len(diary), 6)]


def test_in_each_round_every_candidate_runs_twice_in_random_order() -> None:
    rounds = _rounds(seed=1)
    assert len(rounds) == 30
    assert {"".join(sorted(each)) for each in rounds} == {"aabbcc"}
    assert all(each[place] == each[place + 1] for each in rounds for place in (0, 2, 4)), (
        "untimed, then timed"
    )
    assert len(set(rounds)) == 6, "all orders of three occur"


def test_the_seed_determines_the_order() -> None:
    assert _rounds(seed=1) == _rounds(seed=1) != _rounds(seed=2)


def test_warm_up_runs_are_not_counted() -> None:
    diary: list[str] = []
    candidates = _candidates(diary)
    assert diary == ["a", "b", "c"]
    diary.clear()
    results = measure(candidates, runs=3, warm_up=4)
    assert diary[:12] == ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    assert len(diary) == 12 + 2 * 3 * 3
    assert [(result.label, len(result.times_s), len(result.cpu_times_s)) for result in results] == [
        ("a", 3, 3),
        ("b", 3, 3),
        ("c", 3, 3),
    ]


def test_progress_counts_rounds() -> None:
    reported: list[tuple[int, int]] = []
    measure(_candidates([]), runs=2, on_progress=lambda done, of: reported.append((done, of)))
    assert reported == [(1, 2), (2, 2)]


def test_the_offline_scenario_times_blocks_in_flight() -> None:
    diary: list[str] = []
    candidates = _candidates(diary)[:1]
    diary.clear()
    (result,) = measure(candidates, runs=MIN_IN_FLIGHT + 1, warm_up=0, scenario="offline")
    assert diary == 2 * (["a"] + ["A"] * MIN_IN_FLIGHT)
    assert (result.scenario, len(result.times_s), result.block) == ("offline", 2, MIN_IN_FLIGHT)


def test_a_block_uses_every_stream_of_a_runtime() -> None:
    (candidate, *_) = _candidates(diary := [])
    candidate.runner.runtime_info = replace(RUNTIME_INFO, details={"streams": "8"})
    diary.clear()
    (result,) = measure([candidate], runs=1, warm_up=0, scenario="offline")
    assert (result.block, diary.count("A")) == (32, 32)


def test_the_baseline_is_measured_in_the_same_rounds() -> None:
    first, second, _ = _candidates([])
    ours, theirs = measure([first, replace(second, baseline=first)], runs=7)
    assert (ours.baseline, ours.speedup) == (None, None)
    assert (theirs.baseline, theirs.baseline_times_s) == ("a", ours.times_s)


def test_preprocessing_and_decoding_are_timed_separately() -> None:
    diary: list[str] = []
    ticks = iter(float(tick**2) for tick in range(100))  # each reading is further from the one before
    (candidate, *_) = _candidates(diary)

    def preprocess() -> tuple[Tensors, str]:
        diary.append("preprocess")
        return INPUT, "placement"

    def decode(outputs: Tensors, placement: str) -> None:
        assert outputs is INPUT and placement == "placement"
        diary.append("decode")

    candidate = replace(candidate, pipeline=ImagePipeline(preprocess, candidate.runner.run, decode))
    diary.clear()
    clocks = Clocks(lambda: next(ticks), lambda: 0.0)
    (result,) = measure([candidate], runs=1, warm_up=0, clocks=clocks)
    assert diary == 2 * ["preprocess", "a", "decode"]
    assert (result.preprocess_times_s, result.times_s, result.decode_times_s) == ((1.0,), (5.0,), (9.0,))
    assert (result.preprocess_ms, result.decode_ms, result.end_to_end_ms) == (1e3, 9e3, 15e3)


def test_loading_is_timed() -> None:
    runner, ticks = Diary("a", []), iter(range(100))
    candidate = load(
        "a",
        lambda: runner,
        lambda _: INPUT,
        file_bytes=5,
        clocks=Clocks(lambda: float(next(ticks)), lambda: 0),
    )
    assert (candidate.runner, candidate.batch, candidate.file_bytes) == (runner, 2, 5)
    assert (candidate.cost.load_s, candidate.cost.first_run_s) == (1, 1)
    (result,) = measure([candidate], runs=1)
    assert (result.batch, result.first_run_ms, result.runtime_info) == (2, 1e3, RUNTIME_INFO)
    assert (result.input_shapes, result.loads[0].runs) == ({"data": (2, 1)}, 1)


@pytest.mark.parametrize("clock", ["wall", "cpu"])
def test_a_clock_that_runs_backwards_is_an_error(clock: str) -> None:
    readings = iter([5.0, 4.5, 6.0, 7.0])
    clocks = Clocks(**{"wall": lambda: 0.0, "cpu": lambda: 0.0} | {clock: lambda: next(readings)})
    with pytest.raises(
        MeasurementError, match=r"went back by 0\.500000 s during a run, so the times are wrong"
    ):
        measure(_candidates([])[:1], runs=2, warm_up=0, clocks=clocks)


def test_a_clock_that_jumps_ahead_changes_one_time_of_one_candidate() -> None:
    readings = iter([*range(11), *range(3611, 3700)])  # an hour within a timed run
    clocks = Clocks(lambda: float(next(readings)), lambda: 0.0)
    results = measure(_candidates([])[:2], runs=10, warm_up=0, clocks=clocks)
    times = [time for result in results for time in result.times_s]
    assert sorted(times) == [1.0] * 19 + [3601.0]
    assert [result.median_ms for result in results] == [1e3, 1e3]
    assert ["a jump of the clock" in (result.warning or "") for result in results].count(True) == 1


def test_a_run_too_short_for_the_clock_has_the_time_of_one_tick() -> None:
    (result,) = measure(_candidates([])[:1], runs=2, warm_up=0, clocks=Clocks(lambda: 7.0, lambda: 7.0))
    assert result.times_s == result.cpu_times_s == (1e-9, 1e-9)


def test_a_runner_whose_first_run_fails_is_closed() -> None:
    closed: list[str] = []

    class Failing(Diary):
        def _run(self, tensors: Tensors) -> Tensors:
            raise RuntimeError("no")

        def _close(self) -> None:
            closed.append(self.name)

    with pytest.raises(RuntimeError, match="no"):
        load("a", lambda: Failing("a", []), lambda _: INPUT)
    assert closed == ["a"]
