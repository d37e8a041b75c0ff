"""Sparse square matrices with the arithmetic that the graphs of a mesh need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.types import Array


@dataclass(frozen=True)
class Sparse:
    """A square matrix with ``values[i]`` at ``rows[i]``, ``columns[i]``, unique and in row-major order."""

    size: int
    rows: Array
    columns: Array
    values: Array

    @classmethod
    def from_entries(cls, size: int, rows: Array, columns: Array, values: Array) -> Sparse:
        """Build a matrix from entries in any order. Entries of the same element are added; zeros are
        dropped."""
        elements, which = np.unique(rows.astype(np.int64) * size + columns, return_inverse=True)
        totals = np.bincount(which, values, len(elements))
        kept = totals != 0
        return cls(size, elements[kept] // size, elements[kept] % size, totals[kept])

    @property
    def row_sums(self) -> Array:
        """(size,): the sum of each row."""
        return np.bincount(self.rows, self.values, self.size)

    @property
    def diagonal(self) -> Array:
        """(size,): the diagonal."""
        is_diagonal = self.rows == self.columns
        return np.bincount(self.rows[is_diagonal], self.values[is_diagonal], self.size)

    def to_dense(self) -> Array:
        """Return the matrix as (size, size)."""
        matrix = np.zeros((self.size, self.size))
        matrix[self.rows, self.columns] = self.values
        return matrix

    def multiply(self, vector: Array) -> Array:
        """Return (size,) the product with a vector."""
        return np.bincount(self.rows, self.values * vector[self.columns], self.size)
