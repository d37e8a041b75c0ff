"""A run with other matches returns what a whole run with them returns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posedeploy.bisection.arithmetic import run_in_fp32
from posedeploy.bisection.matched_runs import MatchedRuns
from posedeploy.bisection.matching import Match
from posedeploy.bisection.reference_graph import ReferenceGraph
from posedeploy.types import Array


class Branches(nn.Module):
    """Views, a split result, an operator in place, an integer result and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.left, self.right = nn.Linear(8, 8), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        stem = self.stem(x).relu_()
        first, second = stem.chunk(2, dim=-1)
        left, right = self.left(first).transpose(0, 1), self.right(second).flatten(0).view(4, -1)
        best = left.argmax(dim=0)
        return left[best] + 1, (left @ right.T).softmax(-1) * right.sum()


@pytest.fixture
def graph() -> ReferenceGraph:
    torch.manual_seed(3)
    return ReferenceGraph(
        Branches().eval(), [np.random.default_rng(1).normal(size=(6, 8)).astype(np.float32)]
    )


def rounded(graph: ReferenceGraph) -> tuple[list[Array], dict[str, Match]]:
    """Return the results of all operations with an error each, and their matches."""
    arrays: list[Array] = []
    matches: dict[str, Match] = {}
    noise = np.random.default_rng(2)

    def keep(name: str, result: Tensor) -> Tensor:
        matches[name] = Match(len(arrays))
        arrays.append(result.numpy() + noise.normal(size=result.shape).astype(np.float32) * 0.1)
        return result

    graph.run(run_in_fp32, keep)
    return arrays, matches


@pytest.mark.parametrize("is_damaged", [False, True], ids=["finite", "with NaN"])
def test_a_changed_run_equals_a_whole_run(graph: ReferenceGraph, is_damaged: bool) -> None:
    arrays, matches = rounded(graph)
    if is_damaged:
        for array in arrays:
            array.reshape(-1)[::3] = np.nan
    known = dict(list(matches.items())[::2])
    runs = MatchedRuns(graph, arrays)
    runs.run(known)
    for name, match in matches.items():
        others = {each: known[each] for each in known if each != name}
        changed = others if name in known else {**known, name: match}
        expected = MatchedRuns(graph, arrays).run(changed)
        found = runs.change(changed)
        assert found.keys() == expected.keys()
        for each, values in expected.items():
            assert np.array_equal(found[each], values), (name, each)


def test_results_that_stay_are_the_same_objects(graph: ReferenceGraph) -> None:
    arrays, matches = rounded(graph)
    runs = MatchedRuns(graph, arrays)
    before = runs.run({})
    last = list(matches)[-1]
    after = runs.change({last: matches[last]})
    assert all(after[name] is before[name] for name in matches if name != last)
