"""Match the tensors of a model file with the operations of the network, by their values.

Converters rename, fuse and transpose tensors. A tensor belongs to an operation if its values are similar, in
the order of the file or with channels first, and if neither has a more similar partner. Tensors are compared
at fixed random positions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posedeploy.types import Array

POSITIONS = 1024
"""The positions at which tensors are compared."""
MAX_DIFFERENCE = 0.5
"""The RMS difference of a pair, relative to the std of the operation's values."""
CANCELLATION = 1e-6
"""The largest error of a difference that a matrix product computes."""
MAX_KNOWN = 4
"""The results for which the matches of one number of elements are kept."""
MAX_PAIRS = 1024
"""The pairs whose differences are computed together."""
MIN_FINITE = 0.5
"""The least share of finite values of a tensor that is compared."""


@dataclass(frozen=True)
class Match:
    """The tensor of a file that holds the result of an operation.

    index: of the tensor. is_transposed: the channels are last in the file.
    """

    index: int
    is_transposed: bool = False


def sample(array: Array) -> Array:
    """Return the values of an array at the positions for its size, as FP64."""
    flat = array.reshape(-1) if array.flags.c_contiguous else array.flat
    values: Array = np.asarray(flat[_positions(array.size)], np.float64)
    return values


def sample_layouts(array: Array) -> dict[bool, Array]:
    """Return the samples of a tensor of a file, as it is and (True) with its last axis moved to axis 1."""
    samples = {False: sample(array)}
    if array.ndim >= 3:
        samples[True] = sample(channels_first(array))
    return samples


def channels_first(array: Array) -> Array:
    """Return a view of a channels-last array with the channels at axis 1."""
    return np.moveaxis(array, -1, 1)


def select_values(
    match: Match, arrays: Sequence[Array] | Mapping[int, Array], shape: tuple[int, ...]
) -> Array:
    """Return the tensor of a match in the shape of the operation's result."""
    array = arrays[match.index]
    return (channels_first(array) if match.is_transposed else array).reshape(shape)


def to_file_layout(match: Match, result: Array, shape: tuple[int, ...]) -> Array:
    """Return a copy of an operation's result in the layout of its tensor of the file, which has this
    shape."""
    if match.is_transposed:
        return np.moveaxis(result.reshape(shape[0], shape[-1], *shape[1:-1]), 1, -1).copy()
    return result.reshape(shape).copy()


class Matcher:
    """The search for the matches of results with the tensors of a file.

    Only tensors of the same number of elements are compared. For each number, the matches of the last few
    results are kept.
    """

    def __init__(self, arrays: Sequence[Array]) -> None:
        self.samples = [sample_layouts(array) for array in arrays]
        self._indices: dict[int, list[int]] = {}
        for index, array in enumerate(arrays):
            self._indices.setdefault(array.size, []).append(index)
        self._known: dict[int, deque[_Known]] = {}

    def match(
        self, results: Mapping[str, Array], sizes: Mapping[str, int], used: Collection[int]
    ) -> dict[str, Match]:
        """Return the match of each operation that has one.

        Args:
            results: the samples of the results, by operation. sizes: their numbers of elements.
            used: the tensors that have another match.
        """
        groups: dict[int, dict[str, Array]] = {}
        for name, values in results.items():
            groups.setdefault(sizes[name], {})[name] = values
        pairs: dict[str, Match] = {}
        for size, group in groups.items():
            if indices := [index for index in self._indices.get(size, ()) if index not in used]:
                pairs |= self._match_size(size, group, indices)
        return pairs

    def _match_size(self, size: int, group: Mapping[str, Array], indices: list[int]) -> Mapping[str, Match]:
        known = self._known.setdefault(size, deque(maxlen=MAX_KNOWN))
        for each in known:
            if each.fits(group, indices):
                return each.pairs
        matches = [Match(index, layout) for index in indices for layout in self.samples[index]]
        values = [self.samples[match.index][match.is_transposed] for match in matches]
        pairs = _pair(list(group.values()), values, list(group), matches)
        known.append(_Known(group, indices, pairs))
        return pairs


@dataclass(frozen=True)
class _Known:
    """The matches of a group of results with the tensors of these indices."""

    group: Mapping[str, Array]
    indices: list[int]
    pairs: Mapping[str, Match]

    def fits(self, group: Mapping[str, Array], indices: list[int]) -> bool:
        """Tell whether these are the same objects."""
        return (
            self.indices == indices
            and self.group.keys() == group.keys()
            and all(values is self.group[name] for name, values in group.items())
        )


def _pair(
    results: Sequence[Array], values: Sequence[Array], names: Sequence[str], matches: Sequence[Match]
) -> dict[str, Match]:
    """Return the pairs of mutually most similar partners."""
    table = _compute_table(np.stack(results), np.stack(values))
    columns: dict[int, list[int]] = {}
    for column, match in enumerate(matches):
        columns.setdefault(match.index, []).append(column)
    best_rows = {index: int(np.argmin(table[:, same].min(axis=1))) for index, same in columns.items()}
    pairs = {}
    for row, name in enumerate(names):
        column = int(np.argmin(table[row]))
        if table[row, column] <= MAX_DIFFERENCE and best_rows[matches[column].index] == row:
            pairs[name] = matches[column]
    return pairs


def _compute_table(results: Array, values: Array) -> Array:
    """Return the relative difference of each result (row) from each tensor (column).

    A matrix product computes all of them; those close to the smallest of their row or column are computed
    again without its cancellation.
    """
    rows: Array = np.asarray(np.isfinite(results).all(axis=1))
    columns: Array = np.asarray(np.isfinite(values).all(axis=1))
    ours, theirs = np.where(rows[:, None], results, 0.0), np.where(columns[:, None], values, 0.0)
    means, others = ours.mean(axis=1, keepdims=True), theirs.mean(axis=1, keepdims=True)
    ours, theirs = ours - means, theirs - others
    squares = (ours**2).mean(axis=1)[:, None] + (theirs**2).mean(axis=1) + (means - others.T) ** 2
    squares -= 2 * ours @ theirs.T / ours.shape[1]
    stds = ours.std(axis=1, keepdims=True)
    table: Array = np.full(squares.shape, np.inf)
    np.divide(np.sqrt(np.maximum(squares, 0)), stds, out=table, where=stds > 0)
    limit = np.maximum(table.min(axis=1, keepdims=True), table.min(axis=0)) + CANCELLATION
    are_finite = rows[:, None] & columns
    for row, column in np.argwhere(~are_finite):
        table[row, column] = relative_difference(results[row], values[column])
    close = np.argwhere(np.isfinite(table) & (table <= limit) & are_finite)
    for some in np.array_split(close, range(MAX_PAIRS, len(close), MAX_PAIRS)):
        differences = values[some[:, 1]] - results[some[:, 0]]
        table[some[:, 0], some[:, 1]] = np.sqrt((differences**2).mean(axis=1)) / stds[some[:, 0], 0]
    return table


def relative_difference(expected: Array, values: Array) -> float:
    """Return the RMS difference of finite values over the std of the expected ones.

    It is infinite for a constant result, and with too few finite values.
    """
    is_finite = np.isfinite(values) & np.isfinite(expected)
    if is_finite.mean() < MIN_FINITE:
        return float("inf")
    spread = float(expected[is_finite].std())
    differences = values[is_finite] - expected[is_finite]
    return float(np.sqrt(np.mean(differences**2))) / spread if spread > 0 else float("inf")


def _positions(size: int) -> Array:
    if size <= POSITIONS:
        return np.arange(size)
    positions: Array = np.random.RandomState(size % (1 << 31)).randint(0, size, POSITIONS)
    return positions
