"""The rows that a network puts in the order of sorted values, such as the best candidates.

Rounding can make two sorted values equal or exchange them, so two correct results can have these rows in
another order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx

from posedeploy.benchmarks.array_differences import max_absolute
from posedeploy.benchmarks.row_pairing import pair_rows
from posedeploy.bisection.arithmetic import operator_name
from posedeploy.bisection.segments import Segment
from posedeploy.types import Array

SORTS = frozenset({"topk", "sort"})
"""Operators that return sorted values, and their indices."""


@dataclass(frozen=True)
class SortedRows:
    """The rows that an operation puts in order.

    count: their number. values: the name of the operation that has the sorted values.
    """

    count: int
    values: str


def find_sorted_rows(nodes: Iterable[fx.Node]) -> dict[str, SortedRows]:
    """Return the rows of each operation that uses the indices of one sort."""
    sorts: dict[fx.Node, set[fx.Node]] = {}
    """The sorts whose indices a node returns, also after operations on integers."""
    rows = {}
    for node in nodes:
        used = set().union(*(sorts.get(source, set()) for source in node.all_input_nodes))
        if _is_integer(node):
            own = {node.all_input_nodes[0]} if _returns_indices(node) else set()
            sorts[node] = used | own
        elif len(used) == 1:
            [sort] = used
            values = [user.name for user in sort.users if user.args[1:] == (0,) and _is_float(user)]
            count = _length(sort)
            if values and count is not None:
                rows[node.name] = SortedRows(count, values[0])
    return rows


def _is_integer(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.dtype == torch.int64


def _is_float(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.is_floating_point()


def _returns_indices(node: fx.Node) -> bool:
    """Return whether a node selects the second result of a sort."""
    sources = node.all_input_nodes
    return len(sources) == 1 and operator_name(sources[0].target) in SORTS and node.args[1:] == (1,)


def _length(sort: fx.Node) -> int | None:
    """Return the number of values of a sort of one vector; None for several or an unknown number."""
    shape = sort.meta["val"][0].shape
    lengths = [length for length in shape if length != 1]
    return lengths[0] if len(lengths) == 1 and isinstance(lengths[0], int) else None


class RowMatcher:
    """Pairs rows whose sorted values are as close as rounding errors, by the values of the rows.

    Other rows keep their places, so rows in a wrong order still differ.
    """

    def __init__(self, rows: Mapping[str, SortedRows], margin: float) -> None:
        """
        Args:
            rows: by operation. margin: the largest rounding error of the sorted values, relative to the
                largest one.
        """
        self._rows, self._margin = rows, margin
        self._names = {each.values for each in rows.values()}
        self._sorted: dict[str, Array] = {}

    def note(self, name: str, result: Tensor) -> None:
        """Keep the result of an operation if it has sorted values."""
        if name in self._names:
            self._sorted[name] = result.float().numpy().ravel()

    def match(self, expected: Array, values: Array, segment: Segment) -> Array:
        """Return the values of the last operation of a segment with the rows as in ``expected``."""
        for operation in segment.operations:
            if operation.name in self._rows:
                values = self._match(expected, values, self._rows[operation.name])
        return values

    def _match(self, expected: Array, values: Array, rows: SortedRows) -> Array:
        axes = [axis for axis, length in enumerate(expected.shape) if length == rows.count]
        if len(axes) != 1:  # which one has the rows is unknown
            return values
        matched = np.moveaxis(values.copy(), axes[0], 0)
        wanted = np.moveaxis(expected, axes[0], 0)
        for tied in _find_ties(self._sorted[rows.values], self._margin):
            matched[tied] = pair_rows({"": wanted[tied]}, {"": matched[tied]}, {"": 0}).actual[""]
        return np.moveaxis(matched, 0, axes[0])


def _find_ties(values: Array, margin: float) -> list[Array]:
    """Return the positions of values that differ by at most ``margin`` times the largest one, in groups."""
    if not np.isfinite(values).all():
        return []
    order = np.argsort(values, kind="stable")
    steps = np.diff(values[order])
    groups = np.split(order, np.flatnonzero(steps > margin * max_absolute(values)) + 1)
    return [np.sort(group) for group in groups if len(group) > 1]
