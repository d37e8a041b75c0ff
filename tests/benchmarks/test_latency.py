"""Values that are derived from given times. No test depends on the speed of the machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posedeploy.benchmarks.latency import RUNS_PER_ROUND, Latency, LoadCost, join_loads
from posedeploy.types import RuntimeInfo, Scenario

RUNTIME_INFO = RuntimeInfo("diary", "1", "CPU", "fp32", 1)


def _latency(*times_s: float, load_s: float = 0.5) -> Latency:
    return Latency(
        label="human.xml",
        runtime_info=RUNTIME_INFO,
        scenario="single-stream",
        batch=1,
        file_bytes=None,
        loads=(LoadCost(load_s, 0.25, 7, len(times_s)),),
        times_s=times_s,
    )


@pytest.mark.parametrize(
    ("runs", "p90", "p99"), [(99, False, False), (100, True, False), (999, True, False), (1000, True, True)]
)
def test_a_percentile_requires_ten_runs_beyond_it(runs: int, p90: bool, p99: bool) -> None:
    result = _latency(*np.arange(runs) / 1e3)
    for percent, is_known in ((90, p90), (99, p99)):
        interval = result.percentile_interval_ms(percent)
        assert (result.percentile_ms(percent) is not None) == is_known == (interval is not None)
        value = result.percentile_ms(percent)
        assert interval is None or value is None or interval[0] < value < interval[1]


def test_outliers_are_kept() -> None:
    result = _latency(*[0.001] * 989, *[9.0] * 11)
    assert result.percentile_ms(99) == 9000.0
    assert result.median_ms == 1.0
    assert result.median_interval_ms == (1.0, 1.0)
    assert len(result.times_s) == 1000


def test_a_speedup_is_the_ratio_within_rounds() -> None:
    drift = np.linspace(1, 3, 50)
    result = replace(
        _latency(*0.1 * drift), baseline="human.pth (PyTorch)", baseline_times_s=tuple(0.25 * drift)
    )
    assert result.speedup == pytest.approx(2.5)
    assert result.speedup_interval == pytest.approx((2.5, 2.5))
    assert (_latency(0.1).speedup, _latency(0.1).speedup_interval) == (None, None)


def test_one_round_has_a_speedup_without_an_interval() -> None:
    result = replace(_latency(0.1), baseline_times_s=(0.25,))
    assert result.speedup == pytest.approx(2.5)
    assert result.speedup_interval is None
    assert result.median_interval_ms is None


def test_images_per_second_include_the_batch_size() -> None:
    assert replace(_latency(0.1, 0.1), batch=4).images_per_s == pytest.approx(40)


def test_images_per_second_of_the_offline_scenario_cover_all_runs() -> None:
    times = _latency(0.1, 0.1, 0.4)
    assert replace(times, batch=2, scenario="offline").images_per_s == pytest.approx(10)
    assert replace(times, batch=2).images_per_s == pytest.approx(20)


def test_the_end_to_end_time_requires_an_image() -> None:
    result = _latency(0.1, 0.2)
    assert (result.preprocess_ms, result.decode_ms, result.end_to_end_ms) == (None, None, None)
    assert result.end_to_end_interval_ms is None


def test_the_end_to_end_time_is_the_median_of_the_sums() -> None:
    result = replace(
        _latency(*[0.1, 0.3] * 5), preprocess_times_s=(0.2, 0.05) * 5, decode_times_s=(0.1, 0.2) * 5
    )
    assert result.end_to_end_ms == pytest.approx(475)
    assert result.end_to_end_interval_ms == pytest.approx((400, 550))


def test_several_loads_become_one_result() -> None:
    (result,) = join_loads([[_latency(0.1, 0.2)], [_latency(0.3, load_s=0.4)]])
    assert result.times_s == (0.1, 0.2, 0.3)
    assert [load.runs for load in result.loads] == [2, 1]
    assert (result.load_ms, result.first_run_ms, result.memory_bytes) == (500, 250, 7)


def test_steady_times_have_no_warning() -> None:
    assert _latency(*[0.1, 0.105] * 50).warning is None
    assert _latency(*[0.1] * 80, *[5.0] * 20).warning is None, "a quarter may be slow: the center is steady"


def test_a_wide_spread_is_reported_with_the_load_of_the_machine() -> None:
    result = _latency(*[0.1, 0.13] * 50)
    assert result.spread == pytest.approx(0.03 / 0.115)
    assert result.warning is not None
    assert result.warning.startswith(
        "human.xml: unreliable times: their interquartile range is 26% of the median; the median is stable: "
        "other"
    )
    assert result.warning.endswith("run again on an idle machine")


@pytest.mark.parametrize(("first", "second", "said"), [(0.1, 0.13, "30% slower"), (0.13, 0.1, "23% faster")])
def test_a_drift_is_distinguished_from_a_spread(first: float, second: float, said: str) -> None:
    result = _latency(*[first] * 50, *[second] * 50)
    assert result.warning is not None
    assert f"the second half ran {said} than the first: the clock rate or the load changed" in result.warning


@pytest.mark.parametrize("scenario", ["single-stream", "offline"])
def test_a_run_longer_than_all_others_is_reported(scenario: Scenario) -> None:
    """Without it, the sum of the times, and so the throughput, would be wrong."""
    block = RUNS_PER_ROUND[scenario]
    result = replace(_latency(*[0.1] * 19, 3600.0), scenario=scenario, block=block)
    shown = {1: "20 timed runs took 3.6e+03 s", 10: "20 timed blocks of 10 runs took 3.6e+04 s"}[block]
    assert (result.spread, result.median_ms) == (0.0, 100.0)
    assert result.warning == (
        f"human.xml: unreliable times: one of {shown}, longer than all others together: it "
        "was interrupted, by another program, a paused virtual machine or a jump of the clock; run again"
    )


def test_a_single_run_is_reported_to_have_no_spread() -> None:
    result = _latency(0.1)
    assert (result.spread, result.percentile_ms(90)) == (None, None)
    assert result.warning == (
        "human.xml: the spread is unknown: it needs at least 5 timed runs, but there are "
        "only 1; increase `runs` to 5"
    )
