"""A mistake of a file in low precision is named, although PyTorch with that mistake gives other outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.benchmarks.parity import Parity
from tests.support.faulty_networks import GRAPHS, Graph
from tests.support.planted_faults import NAMES, compare_graph

WITH_MISTAKES = ("normalized twice", "channels swapped", "divided by 255 twice", "transposed image")


def compare_coarse(data: str, folder: Path) -> Parity:
    """Return the comparison of a network whose input is rounded to steps of 0.1, as INT8 rounds tensors."""
    return compare_graph(Graph(f"(({data}) * 10).round() / 10"), folder)


@pytest.mark.parametrize(
    "name",
    [
        each if each == "normalized twice" else pytest.param(each, marks=pytest.mark.slow)
        for each in WITH_MISTAKES
    ],
)
def test_a_mistake_before_rounding_is_named(name: str, tmp_path: Path) -> None:
    result = compare_coarse(GRAPHS[name].data, tmp_path)
    assert result.cause is not None
    assert (result.cause.stage, result.cause.name) == ("preprocessing", NAMES[name])
    assert result.cause.explained > 0.8 and not result.cause.alternatives
    preprocessing = result.stages[0]
    assert (preprocessing.status, preprocessing.note) == ("different", result.cause.description)


def test_the_message_of_a_doubled_normalization_says_how_to_fix_it(tmp_path: Path) -> None:
    failures = compare_coarse(GRAPHS["normalized twice"].data, tmp_path).failures
    assert failures[-1].endswith(
        "if the file normalizes its input itself, write "
        'embedded = ["normalization"] under [input] in its contract'
    )


def test_rounding_alone_is_not_blamed_on_the_preprocessing(tmp_path: Path) -> None:
    result = compare_coarse("data", tmp_path)
    assert not result.passed
    assert result.cause is None
    assert result.stages[0].status == "same"
