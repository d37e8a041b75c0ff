"""The cost of a candidate relative to PyTorch in the same rounds."""

from __future__ import annotations

import pytest

from posedeploy.tuning.costs import measure_cost


def test_a_cost_does_not_depend_on_the_load_of_its_rounds() -> None:
    """The second block ran at a third of the speed."""
    baseline = {0: [0.04] * 10, 1: [0.12] * 10, 2: [0.04] * 10}
    early, late = ({number: [time / 2 for time in baseline[number]]} for number in (0, 1))
    costs = [measure_cost(times, baseline) for times in (early, late)]
    assert [cost and cost.seconds for cost in costs] == pytest.approx([0.02, 0.02])
    assert costs[0] is not None and costs[0].speedup == pytest.approx(2.0)
    assert costs[0].seconds_interval == pytest.approx((0.02, 0.02))
    assert costs[0].rounds == 10


def test_a_clock_that_jumps_ahead_in_one_run_does_not_change_the_cost() -> None:
    baseline, times = {0: [0.04] * 20}, {0: [0.02] * 19 + [3600.0]}
    cost = measure_cost(times, baseline)
    assert cost is not None and cost.interval is not None
    assert (cost.speedup, cost.interval[0]) == pytest.approx((2.0, 2.0))


def test_a_few_rounds_have_no_interval() -> None:
    cost = measure_cost({0: [0.02] * 5}, {0: [0.04] * 5})
    assert cost is not None
    assert cost.interval is cost.seconds_interval is None


def test_a_candidate_that_was_not_timed_has_no_cost() -> None:
    assert measure_cost({}, {0: [0.04]}) is None
