"""Mistakes that explain a difference equally within the noise are all named."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.benchmarks.diagnosis import NON_FINITE, Cause, DifferingRun
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.mistake_ranking import Hypothesis, MistakeRanking
from posedeploy.benchmarks.output_mistakes import OutputMistake
from posedeploy.benchmarks.undone_mistakes import UndoneMistake
from posedeploy.types import Array, Model

NOISE = 0.05


def build_runs(tiny: Model) -> list[DifferingRun]:
    stream = np.random.default_rng(3)
    runs = []
    for number in range(3):
        expected = stream.uniform(-1, 1, (1, 2, 20, 30))
        actual = -expected + NOISE * stream.standard_normal(expected.shape)
        source = NetworkInput(f"input {number}", {})
        runs.append(DifferingRun(tiny.spec, source, source, {"maps": expected}, {"maps": actual}, {}))
    return runs


def build_hypothesis(name: str, factor: float) -> Hypothesis:
    """Return a mistake with which the reference gives its outputs times ``factor``."""

    def scale(run: DifferingRun) -> tuple[dict[str, Array], dict[str, Array]]:
        return {"maps": factor * run.expected["maps"]}, run.actual

    return Hypothesis(UndoneMistake(name, lambda array: array), scale)


def explain(tiny: Model, factors: dict[str, float]) -> Cause | None:
    runs = build_runs(tiny)
    ranking = MistakeRanking(runs)
    ranked = ranking.rank([build_hypothesis(name, factor) for name, factor in factors.items()])
    explanation = ranking.explain(ranked, "other images would show it")
    return explanation and explanation.cause


@pytest.mark.parametrize(("other", "is_alike"), [(-0.97, True), (-0.8, False), (1.0, False)])
def test_a_mistake_is_an_alternative_if_it_differs_by_less_than_the_noise(
    other: float, is_alike: bool, tiny: Model
) -> None:
    cause = explain(tiny, {"the sign were wrong": -1.0, "something else were wrong": other})
    assert cause is not None and cause.name == "the sign were wrong"
    assert [each.name for each in cause.alternatives] == ["something else were wrong"] * is_alike
    assert cause.advice == "other images would show it" * is_alike
    assert (" or as if something else were wrong, each of which explains at least" in str(cause)) == is_alike


def test_nan_is_described_by_a_statement() -> None:
    name = f"heatmaps {NON_FINITE}"
    assert Cause("network", name, 1.0, "black").description == name
    assert Cause("preprocessing", "it were dark", 1.0, "black").description == "as if it were dark"


def test_a_mistake_that_explains_too_little_is_no_cause(tiny: Model) -> None:
    assert explain(tiny, {"something else were wrong": -0.5}) is None


def test_two_names_of_one_change_of_the_outputs_are_one_mistake(tiny: Model) -> None:
    runs = build_runs(tiny)
    names = ("left and right were swapped", "2 keypoints were in another order")
    mistakes = [OutputMistake(name, lambda outputs: {"maps": -outputs["maps"]}) for name in names]
    ranked = MistakeRanking(runs).rank(
        Hypothesis(each, lambda run: ({"maps": -run.expected["maps"]}, run.actual)) for each in mistakes
    )
    assert [each.mistake.name for each in ranked] == [names[0]]


def test_rows_of_people_are_paired_with_those_of_a_mistake(tiny: Model) -> None:
    """The candidate's rows are in the order of the right ones, and a mistake can change which are nearest."""
    source = NetworkInput("a.jpg", {})
    expected, actual = (np.array(rows, np.float64) for rows in ([[0, 0], [10, 10]], [[1, 1], [9, 9]]))
    run = DifferingRun(tiny.spec, source, source, {"people": expected}, {"people": actual}, {"people": 0})

    def explain_by(rows: Array) -> list[float]:
        mistake = UndoneMistake("the image were dark", lambda array: array)
        hypothesis = Hypothesis(mistake, lambda run: ({"people": rows}, run.actual))
        return [each.explained for each in MistakeRanking([run]).rank([hypothesis])]

    assert explain_by(actual[::-1]) == [1.0]
    assert explain_by(expected[::-1]) == [], "the order of people explains nothing"
    assert explain_by(actual[:1]) == [], "a mistake with another number of people"
