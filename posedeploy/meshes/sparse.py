"""The little arithmetic on sparse matrices that the graphs of a mesh need: entries by row, then column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.types import Array


@dataclass(frozen=True)
class Sparse:
    """A square matrix: ``values[i]`` at ``rows[i]``, ``columns[i]``, each place once, in row-major order."""

    size: int
    rows: Array
    columns: Array
    values: Array

    @classmethod
    def summed(cls, size: int, rows: Array, columns: Array, values: Array) -> Sparse:
        """The matrix of entries in any order; those at the same place are added, zeros are left out."""
        places, which = np.unique(rows.astype(np.int64) * size + columns, return_inverse=True)
        totals = np.bincount(which, values, len(places))
        kept = totals != 0
        return cls(size, places[kept] // size, places[kept] % size, totals[kept])

    @property
    def sums(self) -> Array:
        """(size,) the sum of each row."""
        return np.bincount(self.rows, self.values, self.size)

    @property
    def diagonal(self) -> Array:
        """(size,)"""
        on = self.rows == self.columns
        return np.bincount(self.rows[on], self.values[on], self.size)

    def dense(self) -> Array:
        """(size, size)"""
        matrix = np.zeros((self.size, self.size))
        matrix[self.rows, self.columns] = self.values
        return matrix

    def times(self, vector: Array) -> Array:
        """(size,) the product with a vector."""
        return np.bincount(self.rows, self.values * vector[self.columns], self.size)
