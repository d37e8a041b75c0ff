"""What is counted and what is derived; never how long it took."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np
import pytest

from posedeploy.benchmarks.latency import BLOCK, Candidate, Latency, load, measure
from posedeploy.runtimes.base import Runner
from posedeploy.types import RuntimeInfo, Tensors, TensorSpec

EFFECTIVE = RuntimeInfo("diary", "1", "CPU", "fp32", 1)
INPUT = {"data": np.zeros((2, 1), np.float32)}


class Diary(Runner):
    """Writes its name into a diary at every run, and in capitals where it is run as a stream."""

    inputs = (TensorSpec("data", (2, 1)),)
    outputs = inputs
    runtime_info = EFFECTIVE

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
    return [load(name, lambda name=name: Diary(name, diary), lambda _: INPUT) for name in "ab"]


def _latency(*times_s: float) -> Latency:
    return Latency("human.xml", EFFECTIVE, "latency", 1, None, 0.5, 0.25, 0, times_s)


def test_candidates_take_turns_in_rounds_and_what_warms_up_is_not_counted() -> None:
    diary: list[str] = []
    candidates = _candidates(diary)
    assert diary == ["a", "b"]
    diary.clear()
    results = measure(candidates, runs=3 * BLOCK, warm_up=4)
    one_round = ["a"] * (1 + BLOCK) + ["b"] * (1 + BLOCK)
    assert diary == ["a"] * BLOCK + ["b"] * BLOCK + 3 * one_round
    assert [len(result.times_s) for result in results] == [3 * BLOCK, 3 * BLOCK]
    assert [result.label for result in results] == ["a", "b"]


def test_runs_are_rounded_up_to_blocks_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    results = measure(_candidates([]), runs=BLOCK + 1, on_progress=lambda done, of: told.append((done, of)))
    assert len(results[0].times_s) == 2 * BLOCK
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_throughput_is_timed_with_many_in_flight() -> None:
    diary: list[str] = []
    candidates = _candidates(diary)
    diary.clear()
    results = measure(candidates, runs=2 * BLOCK, warm_up=0, hint="throughput")
    assert diary == 2 * (["a"] + ["A"] * BLOCK + ["b"] + ["B"] * BLOCK)
    assert [len(result.times_s) for result in results] == [2, 2]
    assert results[0].hint == "throughput"


def test_a_speed_up_is_that_over_the_baseline_named() -> None:
    first, second = _candidates([])
    ours, theirs = measure([first, replace(second, label="a", baseline=first)], runs=BLOCK)
    assert ours.speed_up is None
    assert theirs.baseline_median_s == float(np.median(ours.times_s))
    assert theirs.speed_up == pytest.approx(ours.median_ms / theirs.median_ms)
    assert replace(_latency(0.1), baseline_median_s=0.25).speed_up == pytest.approx(2.5)


def test_loading_keeps_what_it_took() -> None:
    runner = Diary("a", [])
    candidate = load("a", lambda: runner, lambda _: INPUT, file_bytes=5)
    assert (candidate.runner, candidate.batch, candidate.file_bytes) == (runner, 2, 5)
    assert candidate.load_s >= 0 and candidate.first_run_s >= 0 and candidate.memory_bytes >= 0
    (result,) = measure([candidate], runs=1)
    assert (result.batch, result.first_run_s, result.runtime_info) == (2, candidate.first_run_s, EFFECTIVE)
    assert (result.load_ms, result.first_run_ms) == (1e3 * candidate.load_s, 1e3 * candidate.first_run_s)


@pytest.mark.parametrize(
    ("runs", "p90", "p99"), [(99, False, False), (100, True, False), (999, True, False), (1000, True, True)]
)
def test_a_percentile_needs_ten_runs_beyond_it(runs: int, p90: bool, p99: bool) -> None:
    result = _latency(*np.arange(runs) / 1e3)
    assert (result.percentile_ms(90) is not None, result.percentile_ms(99) is not None) == (p90, p99)


def test_no_outlier_is_dropped() -> None:
    result = _latency(*[0.001] * 989, *[9.0] * 11)
    assert result.percentile_ms(99) == 9000.0
    assert result.median_ms == 1.0
    assert len(result.times_s) == 1000


def test_images_per_second_count_the_batch() -> None:
    assert replace(_latency(0.1, 0.1), batch=4).images_per_s == pytest.approx(40)


def test_steady_times_need_no_warning() -> None:
    assert _latency(*[0.1, 0.105] * 50).warning is None
    assert _latency(*[0.1] * 80, *[5.0] * 20).warning is None, "a quarter may be slow: the center is steady"


def test_a_wide_spread_says_what_others_do_to_it() -> None:
    result = _latency(*[0.1, 0.13] * 50)
    assert result.spread == pytest.approx(0.03 / 0.115)
    assert result.warning is not None
    assert result.warning.startswith(
        "human.xml: unreliable times: their interquartile range is 26% of the median; the median is stable: "
        "other"
    )
    assert result.warning.endswith("run again on an idle machine")


@pytest.mark.parametrize(("first", "second", "said"), [(0.1, 0.13, "30% slower"), (0.13, 0.1, "23% faster")])
def test_a_drift_is_told_from_a_spread(first: float, second: float, said: str) -> None:
    result = _latency(*[first] * 50, *[second] * 50)
    assert result.warning is not None
    assert f"the second half ran {said} than the first: the clock rate or the load changed" in result.warning


def test_a_single_run_has_no_spread_and_says_so() -> None:
    result = _latency(0.1)
    assert (result.spread, result.percentile_ms(90)) == (None, None)
    assert result.warning == (
        "human.xml: the spread is unknown: it needs at least 5 times, and this has 1; increase `runs`"
    )


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
