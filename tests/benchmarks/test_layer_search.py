"""The search for the layers that must be in floating point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from posedeploy.benchmarks.layer_search import MAX_GROUPS, count_trials, search


@dataclass(frozen=True)
class Layer:
    name: str
    cost: float = 1.0


@dataclass
class AddedErrors:
    """Trials in which the errors of the layers in INT8 add up. stops_after: trials until the time limit."""

    errors: Mapping[str, float]
    budget: float
    stops_after: float = math.inf
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def meets_budget(self, float_layers: Sequence[str]) -> bool:
        return self.measure_effect(float_layers) <= self.budget

    def measure_effect(self, float_layers: Sequence[str]) -> float:
        self.calls.append(tuple(float_layers))
        return sum(error for name, error in self.errors.items() if name not in float_layers)

    @property
    def is_time_up(self) -> bool:
        return len(self.calls) >= self.stops_after


def _layers(costs: Mapping[str, float]) -> list[Layer]:
    return [Layer(name, cost) for name, cost in costs.items()]


def test_nothing_is_put_back_if_the_budget_is_met() -> None:
    trials = AddedErrors({"a": 1, "b": 1}, budget=2)
    assert search(_layers({"a": 1, "b": 1}), trials).float_layers == ()
    assert trials.calls == [()]


def test_the_layers_with_the_largest_error_per_cost_are_put_back_first() -> None:
    errors = {"cheap": 3.0, "dear": 5.0, "harmless": 0.1, "middle": 2.0}
    costs = {"cheap": 1.0, "dear": 10.0, "harmless": 1.0, "middle": 1.0}
    assert search(_layers(costs), AddedErrors(errors, budget=5.2)).float_layers == ("cheap", "middle")


@pytest.mark.parametrize("count", [1, 2, 7, MAX_GROUPS, 100])
def test_the_fewest_groups_are_found_within_the_number_of_trials(count: int) -> None:
    errors = {f"{index:03}": 1.0 + index for index in range(count)}
    trials = AddedErrors(errors, budget=0.5 * sum(errors.values()))
    choice = search(_layers(dict.fromkeys(errors, 1.0)), trials)
    size = -(-count // MAX_GROUPS)
    assert choice.is_complete and choice.float_layers is not None
    assert trials.measure_effect(choice.float_layers) <= trials.budget
    assert (
        trials.measure_effect(choice.float_layers[: max(len(choice.float_layers) - size, 0)]) > trials.budget
    )
    assert len(trials.calls) - 2 <= count_trials(count)


def test_a_budget_that_no_choice_meets_is_reported() -> None:
    trials = AddedErrors({"a": 1}, budget=-1)
    assert search(_layers({"a": 1}), trials).float_layers is None
    assert trials.calls == [(), ("a",)]


def test_a_network_without_layers_is_measured_once() -> None:
    trials = AddedErrors({"fixed": 1}, budget=0)
    assert search([], trials).float_layers is None
    assert len(trials.calls) == count_trials(0) == 1


@pytest.mark.parametrize("stops_after", [2, 4, 9])
def test_a_search_out_of_time_returns_the_best_choice_until_then(stops_after: int) -> None:
    errors = {f"{index}": 1.0 + index for index in range(6)}
    trials = AddedErrors(errors, budget=10, stops_after=stops_after)
    choice = search(_layers(dict.fromkeys(errors, 1.0)), trials)
    assert choice.float_layers is not None and not choice.is_complete
    assert len(trials.calls) <= stops_after + 1
    assert trials.measure_effect(choice.float_layers) <= trials.budget


def test_a_layer_that_gives_nan_is_put_back_first() -> None:
    trials = AddedErrors({"a": 1.0, "b": math.nan, "c": 2.0}, budget=3)
    assert search(_layers({"a": 1, "b": 1, "c": 1}), trials).float_layers == ("b",)
