"""Pair the rows of outputs whose number depends on the values of the input, such as detected people.

The order of such rows has no meaning, because noise can exchange two people with nearly the same score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

import numpy as np

from posedeploy.benchmarks.array_differences import max_absolute
from posedeploy.poses.assignment import assign
from posedeploy.types import DATA_DEPENDENT, Array, Tensors, TensorSpec

MAX_ROWS = 1000
"""Maximum number of rows that are paired. More rows are compared in order, because pairing takes minutes."""


@dataclass(frozen=True, eq=False)
class PairedOutputs:
    """The outputs of two models, with their rows in the order with the smallest differences.

    expected, actual: without the rows that have no counterpart. counts: the numbers of rows of the reference
    and of the candidate, for outputs in which they differ. unpaired: for the same, the values of the rows
    of both that have no counterpart.
    """

    expected: Tensors
    actual: Tensors
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    unpaired: Mapping[str, Array] = field(default_factory=dict)


class HasTensors(Protocol):
    """A runner, or the spec of a network."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...


def find_row_axes(*networks: HasTensors) -> dict[str, int]:
    """Return, by output, the axis whose length depends on the values of the input in one of the networks.

    If the inputs of a network are fixed, each dynamic axis of its outputs is such an axis.
    """
    axes: dict[str, int] = {}
    for network in networks:
        is_fixed = not any(tensor.is_dynamic for tensor in network.inputs)
        for tensor in network.outputs:
            axes.update((tensor.name, axis) for axis in _list_row_axes(tensor, is_fixed=is_fixed))
    return axes


def _list_row_axes(tensor: TensorSpec, *, is_fixed: bool) -> Iterator[int]:
    for axis, length in enumerate(tensor.shape):
        if length == DATA_DEPENDENT or (is_fixed and isinstance(length, str)):
            yield axis
            return


def have_same_shape(expected: Array, actual: Array, axis: int | None) -> bool:
    """Return whether two outputs have the same shape, apart from the length of this axis."""
    ours, theirs = list(expected.shape), list(actual.shape)
    if axis is not None and len(ours) == len(theirs) > axis:
        del ours[axis], theirs[axis]
    return ours == theirs


def pair_rows(expected: Tensors, actual: Tensors, axes: Mapping[str, int]) -> PairedOutputs:
    """Return the outputs with paired rows. Outputs with the same numbers of rows get the same order.

    Args:
        expected, actual: outputs of the same names with shapes that ``have_same_shape``.
        axes: the result of ``find_row_axes``.
    """
    if not axes:
        return PairedOutputs(expected, actual)
    counts = {
        name: (expected[name].shape[axis], actual[name].shape[axis])
        for name, axis in axes.items() if name in actual and actual[name].ndim > axis
    }  # fmt: skip
    ours, theirs, unpaired = dict(expected), dict(actual), dict[str, Array]()
    for both, names in groupby(sorted(counts, key=counts.__getitem__), key=counts.__getitem__):
        group = list(names)
        rows = [
            (np.moveaxis(expected[name], axes[name], 0), np.moveaxis(actual[name], axes[name], 0))
            for name in group
        ]
        kept = _pair(rows, *both)
        for name in group:
            ours[name] = np.take(expected[name], kept[0], axis=axes[name])
            theirs[name] = np.take(actual[name], kept[1], axis=axes[name])
            if both[0] != both[1]:
                sides = zip((expected[name], actual[name]), kept, strict=True)
                rest = [np.delete(array, rows, axis=axes[name]).ravel() for array, rows in sides]
                unpaired[name] = np.concatenate(rest)
    return PairedOutputs(ours, theirs, {name: counts[name] for name in unpaired}, unpaired)


def _pair(tables: Sequence[tuple[Array, Array]], first: int, second: int) -> tuple[Array, Array]:
    """Return the indices of the paired rows of both sides, in the order of the first side.

    Args:
        tables: the values of each output in both models, with the axis of the rows first.
    """
    in_order = np.arange(min(first, second))
    if not 0 < max(first, second) <= MAX_ROWS or min(first, second) == 0:
        return in_order, in_order
    costs = np.zeros((first, second))
    for ours, theirs in tables:
        expected, actual = ours.reshape(first, -1).astype(np.float64), theirs.reshape(second, -1)
        scale = max_absolute(expected) or 1.0
        for row in range(first):
            costs[row] += np.square((expected[row] - actual) / scale).mean(axis=1)
    if not np.isfinite(costs).all() or _are_in_order(costs):
        return in_order, in_order
    # Distances, not their squares: then equal rows are paired, however far apart the other rows are.
    pairs = assign(np.sqrt(costs))
    return pairs[:, 0], pairs[:, 1]


def _are_in_order(costs: Array) -> bool:
    """Return whether each row of two equally long sides is the nearest to the one in the same place."""
    return costs.shape[0] == costs.shape[1] and bool((costs.argmin(axis=1) == np.arange(len(costs))).all())
