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


class Sorted(nn.Module):
    """Returns all rows, in the order of their scores."""

    def forward(self, rows: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        values, order = torch.sort(scores, descending=True)
        return rows.index_select(0, order), values


class First(nn.Module):
    """Returns the row with the score 2, the largest of the others."""

    def forward(self, rows: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        best, order = torch.where(scores > 2, 0, scores).topk(1)
        return rows[order], best


class Square(nn.Module):
    """Returns as many rows as they have columns."""

    def forward(self, rows: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        best, order = scores.topk(3)
        return rows[order], best


class Places(nn.Module):
    """Returns rows in the order of sorted integers, which rounding cannot change."""

    def forward(self, rows: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        values, order = torch.sort(torch.tensor([4, 2, 2, 9, 7, 8]) + 0 * scores.long())
        return rows[order], values


class Chosen(nn.Module):
    """Returns rows whose order does not depend on values."""

    def forward(self, rows: Tensor, scores: Tensor) -> Tensor:
        return rows[torch.tensor([1, 2, 4, 3])] + 0 * scores[:1]


def error_of(network: nn.Module, order: list[int], rows: Array = ROWS) -> float:
    """Return the own error of a file in which the rows in this order are the result."""
    graph = ReferenceGraph(network, [ROWS, SCORES])
    [error] = measure_own_errors(graph, [rows[order]], {}, {graph.outputs[0]: Match(0)}, "fp32")
    return error.error


@pytest.mark.parametrize(
    ("network", "order"),
    [
        (Best(), [1, 2, 4, 3]),
        (Best(), [4, 1, 2, 3]),
        (Sorted(), [4, 2, 1, 3, 0, 5]),
        (First(), [3]),
    ],
)
def test_rows_with_equal_scores_can_be_in_any_order(network: nn.Module, order: list[int]) -> None:
    assert error_of(network, order) < 1e-6


@pytest.mark.parametrize(
    ("network", "order"),
    [
        (Best(), [1, 0, 4, 3]),  # another row
        (Best(), [1, 2, 4, 5]),  # another last row
        (Best(), [3, 4, 2, 1]),  # a row before those with larger scores
        (Sorted(), [5, 0, 3, 1, 2, 4]),  # ascending
        (First(), [1]),
        (Square(), [2, 1, 4]),  # rows or columns: the axis of the rows is unknown
        (Places(), [2, 1, 0, 5, 4, 3]),
        (Chosen(), [4, 1, 2, 3]),
    ],
)
def test_other_rows_and_other_orders_are_errors(network: nn.Module, order: list[int]) -> None:
    assert error_of(network, order) > 0.1


def test_not_a_number_in_the_last_row_is_an_error() -> None:
    rows = ROWS.copy()
    rows[3] = np.nan
    assert not error_of(Best(), [1, 2, 4, 3], rows) < 0.1
