"""Verdicts on synthetic times with known differences and the noise of a loaded machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from posedeploy.benchmarks.latency import Latency, LoadCost
from posedeploy.benchmarks.time_comparison import (
    TimeComparison,
    compare_in_rounds,
    compare_measurements,
)
from posedeploy.benchmarks.timed_network import TimedNetwork
from posedeploy.benchmarks.timing import CLOCK_TICK_S
from posedeploy.types import Array, RuntimeInfo

RUNS, TRIALS = 120, 200
TWO_THREADS = RuntimeInfo("onnxruntime", "1", "CPU", "fp32", 2)
ONE_THREAD = replace(TWO_THREADS, threads=1)


def latency(label: str, times: Array, cpu: Array | None = None, info: RuntimeInfo = TWO_THREADS) -> Latency:
    return Latency(
        label=label,
        runtime_info=info,
        scenario="single-stream",
        batch=1,
        file_bytes=None,
        loads=(LoadCost(0.1, 0.1, 0),),
        times_s=tuple(times),
        cpu_times_s=() if cpu is None else tuple(cpu),
    )


def noisy(stream: np.random.RandomState, base_s: float, spread: float = 0.02, busy: float = 0.2) -> Array:
    """Return times with jitter. Some runs wait for one or two time slices of other processes."""
    times: Array = base_s * np.exp(spread * stream.standard_normal(RUNS))
    return times + stream.binomial(2, busy / 2, RUNS) * stream.uniform(0.3, 1.0, RUNS) * base_s


def compared(slowdown: float, **noise: float) -> Counter[str]:
    stream = np.random.RandomState(5)
    pairs = [
        (
            latency("new", slowdown * noisy(stream, 0.01, **noise)),
            latency("old", noisy(stream, 0.01, **noise)),
        )
        for _ in range(TRIALS)
    ]
    return Counter(compare_in_rounds(new, old).verdict for new, old in pairs)


def test_equal_networks_are_never_called_slower() -> None:
    verdicts = compared(1.0)
    assert verdicts["slower"] + verdicts["faster"] <= 0.01 * TRIALS


def test_a_clock_that_jumps_ahead_by_an_hour_does_not_change_a_verdict() -> None:
    stream = np.random.RandomState(5)
    for slowdown, verdict in ((1.0, "no difference"), (1.05, "slower")):
        new, old = slowdown * noisy(stream, 0.01, busy=0.0), noisy(stream, 0.01, busy=0.0)
        before = compare_in_rounds(latency("new", new), latency("old", old))
        new[7] += 3600
        after = compare_in_rounds(latency("new", new), latency("old", old))
        assert (before.verdict, after.verdict) == (verdict, verdict)


def test_a_slowdown_of_five_percent_is_detected() -> None:
    assert compared(1.05)["slower"] >= 0.95 * TRIALS


def test_a_speedup_of_five_percent_is_detected() -> None:
    assert compared(1 / 1.05)["faster"] >= 0.95 * TRIALS


def test_a_difference_within_the_dead_zone_is_ignored() -> None:
    verdicts = compared(1.004, spread=0.01, busy=0.0)
    assert verdicts["slower"] + verdicts["faster"] == 0
    assert verdicts["no difference"] >= 0.95 * TRIALS


def test_processor_time_decides_if_waiting_hides_a_slowdown_of_one_thread() -> None:
    stream = np.random.RandomState(6)
    cpu = [0.01 * np.exp(0.01 * stream.standard_normal(RUNS)) for _ in "ab"]
    new = latency("new", noisy(stream, 0.0105, busy=1.6), 1.05 * cpu[0], ONE_THREAD)
    old = latency("old", noisy(stream, 0.01, busy=1.6), cpu[1], ONE_THREAD)
    found = compare_in_rounds(new, old)
    assert (found.verdict, found.clock) == ("slower", "cpu")
    assert found.ratio == pytest.approx(1.05, abs=0.005)
    assert found.interval is not None and found.interval[0] > 1.04


def test_a_delay_by_other_processes_is_not_called_a_slowdown() -> None:
    stream = np.random.RandomState(6)
    cpu = [0.01 * np.exp(0.01 * stream.standard_normal(RUNS)) for _ in "ab"]
    new = latency("new", 1.35 * noisy(stream, 0.01), cpu[0], ONE_THREAD)
    old = latency("old", noisy(stream, 0.01), cpu[1], ONE_THREAD)
    result = compare_in_rounds(new, old)
    assert (result.verdict, result.clock) == ("cannot tell", "wall")
    assert result.reason.startswith("wall time changed by a factor of 1.3")
    assert "but processor time by 1.00" in result.reason


@pytest.mark.parametrize(
    ("wall", "cpu", "verdict"),
    [
        (1.0, 1.0, "no difference"),
        (1.0, 1.08, "cannot tell"),
        (1.0, 1.008, "no difference"),
        (1.08, 1.05, "slower"),
        (1.08, 1.0, "cannot tell"),
        (0.9, 0.95, "faster"),
        (0.9, 1.1, "cannot tell"),
        (1.01, 1.08, "cannot tell"),
    ],
)
def test_a_verdict_holds_for_wall_time_and_processor_time(wall: float, cpu: float, verdict: str) -> None:
    stream = np.random.RandomState(6)
    times = [0.01 * np.exp(0.002 * stream.standard_normal(RUNS)) for _ in range(4)]
    new = latency("new", wall * times[0], cpu * times[1], ONE_THREAD)
    old = latency("old", times[2], times[3], ONE_THREAD)
    result = compare_in_rounds(new, old)
    assert result.verdict == verdict
    assert bool(result.reason) == (verdict == "cannot tell")


def in_ticks(times: Array, tick_s: float) -> Array:
    """Return the times by a clock that advances in ticks."""
    readings = np.floor(np.cumsum([0.0, *times]) / tick_s) * tick_s
    ticked: Array = np.maximum(np.diff(readings), CLOCK_TICK_S)
    return ticked


@pytest.mark.parametrize("base_s", [0.004, 0.04, 0.15625])
@pytest.mark.parametrize(("spread", "verdict"), [(0.002, "slower"), (0.5, "cannot tell")])
def test_processor_time_in_coarse_ticks_decides_nothing(base_s: float, spread: float, verdict: str) -> None:
    stream = np.random.RandomState(6)
    new, old = (scale * base_s * np.exp(spread * stream.standard_normal(RUNS)) for scale in (1.05, 1.0))
    ticked = [in_ticks(np.full(RUNS, base_s), 0.015625) for _ in "ab"]
    result = compare_in_rounds(
        latency("new", new, ticked[0], ONE_THREAD), latency("old", old, ticked[1], ONE_THREAD)
    )
    assert (result.verdict, result.clock) == (verdict, "wall")
    assert "threads=1" not in result.reason


def test_processor_time_is_not_compared_with_several_threads() -> None:
    stream = np.random.RandomState(6)
    new = latency("new", noisy(stream, 0.01, busy=1.6), np.full(RUNS, 0.02))
    old = latency("old", noisy(stream, 0.01, busy=1.6), np.full(RUNS, 0.01))
    found = compare_in_rounds(new, old)
    assert (found.verdict, found.clock) == ("cannot tell", "wall")
    assert found.warning == (
        "new: cannot tell whether it is slower than old: the confidence interval is too wide: "
        "it includes both a difference and no difference; increase `runs`, use `threads=1` on a CPU"
    )


def _across(new_load: float, reference_load: float, slowdown: float = 1.0) -> TimeComparison:
    """Compare two measurements; in the second one, other processes slow the network and its reference."""
    stream = np.random.RandomState(7)
    old, old_reference, new, new_reference = (noisy(stream, base, busy=0.1) for base in (0.01, 0.03) * 2)
    return compare_measurements(
        TimedNetwork(
            latency("human.xml", slowdown * new_load * new),
            latency("PyTorch", reference_load * new_reference),
        ),
        TimedNetwork(latency("human.xml", old), latency("PyTorch", old_reference)),
        "old.json",
    )


def test_a_slowdown_since_an_earlier_measurement_is_detected() -> None:
    found = _across(1.0, 1.0, 1.06)
    assert (found.verdict, found.reference, found.against) == ("slower", "PyTorch", "old.json")


@pytest.mark.parametrize(("own", "reference"), [(1.3, 1.3), (1.1, 1.3), (1.3, 1.1), (1.2, 1.0)])
def test_a_change_of_the_load_is_not_a_slowdown(own: float, reference: float) -> None:
    verdict = _across(own, reference).verdict
    assert verdict == ("slower" if own > reference else "cannot tell")


def test_unreliable_times_without_a_reference_allow_no_verdict() -> None:
    stream = np.random.RandomState(8)
    old, new = (
        TimedNetwork(latency("human.xml", scale * noisy(stream, 0.01, busy=0.6))) for scale in (1.0, 1.5)
    )
    found = compare_measurements(new, old, "old.json")
    assert (found.verdict, found.interval) == ("cannot tell", None)
    assert found.warning.endswith(
        "its times are unreliable, and PyTorch was not timed in both; measure on an idle machine, or compare "
        "with the earlier model itself, which then runs in the same rounds"
    )


def test_steady_times_at_different_loads_without_a_reference_allow_no_verdict() -> None:
    times = np.tile([0.0100, 0.0101, 0.0102], 40)
    new = replace(latency("a.onnx", 2 * times), load_average=1.5)
    old = replace(latency("a.onnx", times), load_average=0.3)
    compared = compare_measurements(TimedNetwork(new), TimedNetwork(old), "old.json")
    assert compared.verdict == "cannot tell"
    assert "the load average was 0.3 and is 1.5, and PyTorch was not timed in both" in compared.reason


@pytest.mark.parametrize(
    ("old_load", "new_load", "slowdown", "reason"),
    [
        (
            0.3,
            5.0,
            3.5,
            "the load average is 5.0, but the measurement had 2 threads, so other processes can",
        ),
        (
            5.0,
            0.3,
            3.5,
            "the load average was 5.0, but the measurement had 2 threads, so other processes can",
        ),
        (5.0, 5.0, 4.5, None),
        (2.4, 2.4, 1.05, None),
    ],
)
def test_other_processes_can_have_changed_the_ratio_of_two_measurements(
    old_load: float, new_load: float, slowdown: float, reason: str | None
) -> None:
    times = np.tile([0.0100, 0.0101, 0.0102], 40)
    old, new = (
        TimedNetwork(
            replace(latency("a.onnx", scale * times), load_average=load), latency("PyTorch", 3 * times)
        )
        for scale, load in ((1, old_load), (slowdown, new_load))
    )
    compared = compare_measurements(new, old, "old.json")
    assert compared.verdict == ("cannot tell" if reason else "slower")
    assert (reason or "") in compared.reason


def test_steady_times_without_a_reference_are_compared() -> None:
    stream = np.random.RandomState(8)
    old, new = (
        TimedNetwork(latency("human.xml", scale * noisy(stream, 0.01, busy=0))) for scale in (1.0, 1.05)
    )
    assert compare_measurements(new, old, "old.json").verdict == "slower"


def test_too_few_times_allow_no_verdict() -> None:
    new, old = (latency(label, np.linspace(0.01, 0.011, 19)) for label in ("new", "old"))
    found = compare_in_rounds(new, old)
    assert found.verdict == "cannot tell"
    assert found.warning.endswith(
        "a verdict needs at least 20 timed runs of each model, but one has only 19; increase `runs` to 20"
    )
    blocks = [replace(each, scenario="offline", block=16) for each in (new, old)]
    assert (
        "at least 20 timed blocks of 16 runs of each model, but one has only 19; increase `runs` to 200"
        in (compare_in_rounds(*blocks).warning)
    )


def test_an_earlier_report_with_too_few_times_must_be_written_again() -> None:
    new, old = (
        TimedNetwork(latency(name, np.linspace(0.01, 0.011, runs)))
        for name, runs in (("new", 40), ("old", 10))
    )
    advice = "but the earlier report has only 10 of old; write it again with `runs` of 20"
    assert advice in compare_measurements(new, old, "old.json").warning


def in_loads(of_each: Sequence[float], base_s: float = 0.01) -> tuple[Latency, Latency]:
    """Return the times of two networks, whose ratio in each load is one of these."""
    stream = np.random.RandomState(9)
    runs = 40
    old, new = (base_s * np.exp(0.003 * stream.standard_normal(runs * len(of_each))) for _ in "ab")
    loads = (LoadCost(0.1, 0.1, 0, runs),) * len(of_each)
    return (
        replace(latency("new", np.repeat(of_each, runs) * new), loads=loads),
        replace(latency("old", old), loads=loads),
    )


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([1.0, 1.0, 1.09], "cannot tell"),
        ([1.03, 1.04, 1.0], "cannot tell"),
        ([1.04, 1.05, 1.08], "slower"),
        ([0.7, 0.72, 0.75], "faster"),
        ([1.0, 1.002, 0.998], "no difference"),
        ([1.0, 1.02] * 4, "cannot tell"),
        ([1.04, 1.06] * 4, "slower"),
    ],
)
def test_all_loads_must_support_the_verdict(ratios: list[float], verdict: str) -> None:
    new, old = in_loads(ratios)
    assert compare_in_rounds(new, old).verdict == verdict
    assert compare_measurements(TimedNetwork(new), TimedNetwork(old), "old.json").verdict == verdict


def test_a_difference_between_loads_is_named() -> None:
    reason = compare_in_rounds(*in_loads([1.04, 1.05, 1.0])).reason
    assert reason.startswith("the ratio differs between loads of the models, from 1.0")
    assert reason.endswith("; increase `loads` and `runs`")
