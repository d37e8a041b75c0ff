"""The rows that a network selects by the order of sorted values, such as the best candidates.

Rounding can make two of the sorted values equal or exchange them. So two correct results can have the rows in
another order, and ``topk`` can select another one of the rows with nearly the lowest selected value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx

from posedeploy.benchmarks.array_differences import max_absolute
from posedeploy.benchmarks.row_pairing import pair_rows
from posedeploy.bisection.arithmetic import operator_name
from posedeploy.bisection.segments import Segment
from posedeploy.types import Array

SORTS = frozenset({"topk", "sort", "argsort"})


@dataclass(frozen=True)
class SortedRows:
    """The rows that an operation selects.

    count: their number, the length of an axis of its result. best: the names of operations, one of which has
    the values of the selected rows, the best first; empty if all rows are selected.
    """

    count: int
    best: frozenset[str]


def find_sorted_rows(nodes: Iterable[fx.Node]) -> dict[str, SortedRows]:
    """Return the rows of each operation that uses the indices of sorted values."""
    rows = {}
    for node in nodes:
        for source in node.all_input_nodes:
            sorts = set(_find_sorts(source))
            count = source.meta["val"].numel() if sorts else None
            if isinstance(count, int):  # else it depends on values, and so does the shape of the result
                topk = (each for each in sorts if operator_name(each.target) == "topk")
                best = frozenset(user.name for each in topk for user in each.users)
                rows[node.name] = SortedRows(count, best)
    return rows


def _find_sorts(node: fx.Node) -> Iterator[fx.Node]:
    """Yield the sorts whose indices a node returns, also after operations on integers."""
    value = node.meta.get("val")
    if not isinstance(value, Tensor) or value.dtype != torch.int64:
        return
    for source in (node, *node.all_input_nodes):
        if operator_name(source.target) in SORTS:
            yield source
        elif source is not node:
            yield from _find_sorts(source)


class RowMatcher:
    """Puts the rows of results in the same order, and removes the differences of rows that rounding replaces.

    Rows are paired by their values, so that wrong rows still differ.
    """

    def __init__(self, rows: Mapping[str, SortedRows], margin: float) -> None:
        """
        Args:
            rows: by operation. margin: the largest rounding error of the sorted values, relative to the
                largest one.
        """
        self._rows, self._margin = rows, margin
        self._names = frozenset[str]().union(*(each.best for each in rows.values()))
        self._best: dict[str, Array] = {}

    def note(self, name: str, result: Tensor) -> None:
        """Keep the result of an operation if it may have the values of selected rows."""
        if name in self._names:
            self._best[name] = result.numpy().ravel()

    def match(self, expected: Array, values: Array, segment: Segment) -> Array:
        """Return the values of the last operation of a segment with the rows as in ``expected``."""
        for operation in segment.operations:
            if operation.name in self._rows:
                values = self._match(expected, values, self._rows[operation.name])
        return values

    def _match(self, expected: Array, values: Array, rows: SortedRows) -> Array:
        if rows.count not in expected.shape:
            return values
        axis = expected.shape.index(rows.count)
        paired = pair_rows({"": expected}, {"": values}, {"": axis}).actual[""]
        for best in (self._best[name] for name in rows.best if name in self._best):
            if best.size == rows.count:
                is_replaceable = np.abs(best - best[-1]) <= self._margin * max_absolute(best)
                shape = np.where(np.arange(expected.ndim) == axis, rows.count, 1)
                paired = np.where(is_replaceable.reshape(shape), expected, paired)
        return paired
