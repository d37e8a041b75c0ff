"""The error of a tensor whose rows are in the order of sorted values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posedeploy.bisection.matching import Match
from posedeploy.bisection.own_errors import measure_own_errors
from posedeploy.bisection.reference_graph import ReferenceGraph
from posedeploy.types import Array

ROWS = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
SCORES = np.array([1, 5, 5, 2, 5, 0], np.float32)


class Best(nn.Module):
    """Returns the four rows with the largest scores, in their order, and these scores."""

    def forward(self, rows: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        best, order = scores.topk(4)
        return rows[order], best


class Chosen(nn.Module):
    """Returns rows whose order does not depend on values."""

    def forward(self, rows: Tensor, scores: Tensor) -> Tensor:
        return rows[torch.tensor([1, 2, 4, 3])] + 0 * scores[:1]


def error_of(network: nn.Module, order: list[int], scores: Array = SCORES) -> float:
    """Return the own error of a file in which the rows in this order are the result."""
    graph = ReferenceGraph(network, [ROWS, scores])
    [error] = measure_own_errors(graph, [ROWS[order]], {}, {graph.outputs[0]: Match(0)}, "fp32")
    return error.error


@pytest.mark.parametrize("order", [[1, 2, 4, 3], [4, 1, 2, 3], [3, 4, 2, 1]])
def test_rows_after_topk_can_be_in_any_order(order: list[int]) -> None:
    assert error_of(Best(), order) < 1e-6


def test_a_row_with_nearly_the_same_score_can_be_selected_instead() -> None:
    scores = np.array([1.99999, 5, 5, 2, 5, 0], np.float32)
    assert error_of(Best(), [1, 2, 0, 4], scores) < 1e-6
    assert error_of(Best(), [1, 5, 4, 3], scores) > 0.1


@pytest.mark.parametrize(("network", "order"), [(Best(), [1, 0, 4, 3]), (Chosen(), [4, 1, 2, 3])])
def test_other_rows_and_other_orders_are_errors(network: nn.Module, order: list[int]) -> None:
    assert error_of(network, order) > 0.1
