"""Run the network with the values of a model file in place of its own results.

A run with a few other matches computes only the operations that they affect: behind the next matched result,
the values of the file are used again, and nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from posedeploy.bisection.arithmetic import run_in_fp32
from posedeploy.bisection.matching import Match, sample, select_values
from posedeploy.bisection.reference_graph import NodeValues, ReferenceGraph, Visit
from posedeploy.types import Array


def use_values(matches: Mapping[str, Match], arrays: Sequence[Array] | Mapping[int, Array]) -> Visit:
    """Return a visit that replaces the results of matched operations with the finite values of the file."""

    def visit(name: str, result: Tensor) -> Tensor:
        if name not in matches:
            return result
        values = select_values(matches[name], arrays, tuple(result.shape))
        tensor = torch.from_numpy(np.array(values, order="C")).to(result.dtype)
        return torch.where(torch.isfinite(tensor), tensor, result)

    return visit


class MatchedRuns:
    """Runs that differ in their matches.

    sizes: the number of elements of each operation's result, after the first run.
    """

    def __init__(self, graph: ReferenceGraph, arrays: Sequence[Array]) -> None:
        self._graph, self._arrays = graph, arrays
        self._are_finite = [bool(np.isfinite(array).all()) for array in arrays]
        self._matches: Mapping[str, Match] = {}
        self._results: Mapping[str, Array] = {}
        self._values: NodeValues = {}
        self.sizes: dict[str, int] = {}

    def run(self, matches: Mapping[str, Match]) -> dict[str, Array]:
        """Return the samples of the results, each computed from the values of the file before it."""
        self._values = {}  # the last run's are not needed any more
        results: dict[str, Array] = {}
        self._values = self._graph.run_and_keep(run_in_fp32, self._sampling(matches, results))
        self._matches, self._results = dict(matches), results
        return results

    def change(self, matches: Mapping[str, Match]) -> dict[str, Array]:
        """Return the same for other matches than those of ``run``. Results that stay are the same objects."""
        names = self._matches.keys() | matches.keys()
        changed = {name for name in names if self._matches.get(name) != matches.get(name)}
        results: dict[str, Array] = {}
        visit = self._sampling(matches, results)
        # Where a tensor of the file is not finite, the results of the network stay.
        replaced = {name for name, match in matches.items() if self._are_finite[match.index]}
        self._graph.run_changed(run_in_fp32, visit, self._values, changed, replaced)
        return {**self._results, **results}

    def _sampling(self, matches: Mapping[str, Match], results: dict[str, Array]) -> Visit:
        replace = use_values(matches, self._arrays)

        def visit(name: str, result: Tensor) -> Tensor:
            results[name] = sample(result.numpy())
            self.sizes[name] = result.numel()
            return replace(name, result)

        return visit
