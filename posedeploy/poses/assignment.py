"""The assignment problem: one-to-one pairs of the least total cost.

SciPy solves it too, but the base installation, which runs on small devices, does not need SciPy otherwise.
"""

from __future__ import annotations

import numpy as np

from posedeploy.types import Array


def assign(costs: Array) -> Array:
    """Return (min(rows, columns), 2) int64 pairs of a row and a column, in order of the rows.

    Every row, or every column if there are fewer of them, is in one pair, and the sum of the costs of the
    pairs is minimal. The method is that of shortest augmenting paths (Jonker and Volgenant, 1987).

    Args:
        costs: (rows, columns) finite numbers.
    """
    if costs.shape[0] > costs.shape[1]:
        swapped = assign(costs.T)[:, ::-1]
        return swapped[np.argsort(swapped[:, 0])]
    rows, columns = costs.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    row_of = np.full(columns, -1)
    for row in range(rows):
        row_of = _with_row(costs, row, row_of, row_price, column_price)
    columns_taken = np.flatnonzero(row_of >= 0)
    pairs = np.stack([row_of[columns_taken], columns_taken], axis=1).astype(np.int64)
    return pairs[np.argsort(pairs[:, 0])]


def _with_row(costs: Array, row: int, row_of: Array, row_price: Array, column_price: Array) -> Array:
    """Return ``row_of``, the row of each column, with one more row assigned; update the prices in place."""
    columns = costs.shape[1]
    distance, before = np.full(columns, np.inf), np.full(columns, -1)
    visited = np.zeros(columns, np.bool_)
    current, column, reached = row, -1, 0.0
    while True:
        through = reached + costs[current] - row_price[current] - column_price
        shorter = ~visited & (through < distance)
        distance[shorter], before[shorter] = through[shorter], column
        column = int(np.where(visited, np.inf, distance).argmin())
        reached, visited[column] = float(distance[column]), True
        if row_of[column] < 0:
            break
        current = int(row_of[column])
    row_price[row] += reached
    passed = visited & (row_of >= 0)
    row_price[row_of[passed]] += reached - distance[passed]
    column_price[visited] -= reached - distance[visited]
    row_of = row_of.copy()
    while column >= 0:
        previous = int(before[column])
        row_of[column] = row if previous < 0 else row_of[previous]
        column = previous
    return row_of
