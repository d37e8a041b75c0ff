"""Find the tensor of a model file for each operation of the network, also behind a fault.

The network is run with the values of the file in place of its own results, so that behind a faulty tensor
the values agree again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from posedeploy.bisection.arithmetic import run_in_fp32
from posedeploy.bisection.matching import (
    MAX_DIFFERENCE,
    Match,
    find_matches,
    relative_difference,
    sample,
    sample_layouts,
    select_values,
)
from posedeploy.bisection.operations import Operation
from posedeploy.bisection.reference_graph import ReferenceGraph, Visit
from posedeploy.types import Array

MAX_ROUNDS = 12
"""Runs of the network, at most, to find the matches."""
MAX_TRIED = 4
"""Tensors of a segment that are tried for an operation whose values agree with none."""
HIDING_DIFFERENCE = 0.1
"""The difference of a result that can hide matches before it."""
MIN_GAIN = 0.5
"""The least gain in agreement of a match that is tried; a match that agrees fully gains 1."""
CLOSE = 0.1
"""Options whose agreements differ by less than this agree equally well."""
NO_MATCHES: Mapping[str, Match] = {}


def use_values(matches: Mapping[str, Match], arrays: Sequence[Array] | Mapping[int, Array]) -> Visit:
    """Return a visit that replaces the results of matched operations with the finite values of the file."""

    def visit(name: str, result: Tensor) -> Tensor:
        if name not in matches:
            return result
        values = select_values(matches[name], arrays, tuple(result.shape))
        tensor = torch.from_numpy(np.array(values, order="C")).to(result.dtype)
        return torch.where(torch.isfinite(tensor), tensor, result)

    return visit


@dataclass(frozen=True)
class Segment:
    """The operations that compute a matched tensor from other matched tensors, in order."""

    operations: tuple[Operation, ...]

    @property
    def result(self) -> Operation:
        """The operation whose result the file holds."""
        return self.operations[-1]

    @property
    def layer(self) -> Operation:
        """The first operation with weights; without one, the last operation."""
        return next((each for each in self.operations if each.is_layer), self.result)


def find_segments(graph: ReferenceGraph, matches: Mapping[str, Match]) -> list[Segment]:
    """Return a segment for each match, in the order of the network."""
    positions = {each.name: number for number, each in enumerate(graph.operations)}
    segments = []
    for operation in graph.operations:
        if operation.name in matches:
            numbers, pending = {positions[operation.name]}, list(operation.inputs)
            while pending:
                name = pending.pop()
                if name not in matches and positions[name] not in numbers:
                    numbers.add(positions[name])
                    pending += graph.operations[positions[name]].inputs
            segments.append(Segment(tuple(graph.operations[number] for number in sorted(numbers))))
    return segments


class Aligner:
    """The search for the matches of one run of a model file.

    outputs: the matches of the operations that compute the network's outputs, which are known.
    """

    def __init__(
        self,
        graph: ReferenceGraph,
        arrays: Sequence[Array],
        outputs: Mapping[str, Match],
    ) -> None:
        self._graph, self._arrays = graph, arrays
        self._samples = [sample_layouts(array) for array in arrays]
        self._array_sizes = [array.size for array in arrays]
        self._fixed = dict(outputs)
        self._sizes: dict[str, int] = {}

    def align(self) -> dict[str, Match]:
        """Return the match of each operation whose result the file holds."""
        matches = dict(self._fixed)
        earlier: list[dict[str, Match]] = []
        for _ in range(MAX_ROUNDS):
            earlier.append(matches)
            results = self._run(matches)
            matches = self._match(results)
            if matches in earlier:  # they settled, or behind a fault, alternate
                hidden = self._find_hidden(matches, results)
                if hidden is None:
                    break
                self._fixed |= hidden
                matches = {**matches, **hidden}
        return matches

    def _run(self, matches: Mapping[str, Match]) -> dict[str, Array]:
        """Return the samples of the results, each computed from the values of the file before it."""
        results: dict[str, Array] = {}
        replace = use_values(matches, self._arrays)

        def visit(name: str, result: Tensor) -> Tensor:
            results[name] = sample(result.numpy())
            self._sizes[name] = result.numel()
            return replace(name, result)

        self._graph.run(run_in_fp32, visit)
        return results

    def _match(
        self, results: Mapping[str, Array], extra: Mapping[str, Match] = NO_MATCHES
    ) -> dict[str, Match]:
        """Return the matches for these results, with the known ones and ``extra``."""
        fixed = {**self._fixed, **extra}
        used = {match.index for match in fixed.values()}
        free = {name: values for name, values in results.items() if name not in fixed}
        samples = [{} if index in used else each for index, each in enumerate(self._samples)]
        return {**find_matches(free, self._sizes, samples, self._array_sizes), **fixed}

    def _difference(self, name: str, match: Match, results: Mapping[str, Array]) -> float:
        return relative_difference(results[name], self._samples[match.index][match.is_transposed])

    def _agreement(self, matches: Mapping[str, Match], results: Mapping[str, Array]) -> float:
        """Return how well the file agrees with the network: up to 1 for each match."""
        differences = [self._difference(name, match, results) for name, match in matches.items()]
        return sum(max(0.0, 1 - difference / MAX_DIFFERENCE) for difference in differences)

    def _find_hidden(
        self, matches: Mapping[str, Match], results: Mapping[str, Array]
    ) -> dict[str, Match] | None:
        """Return a match that a fault hides: with it, more of the file agrees with the network.

        It is within the first segment whose result differs much. None if there is no such match.
        """
        for segment in find_segments(self._graph, matches):
            name = segment.result.name
            if self._difference(name, matches[name], results) > HIDING_DIFFERENCE:
                options = self._list_options(segment, matches)
                agreements = [self._try(option, matches) for option in options]
                if agreements and max(agreements) > self._agreement(matches, results) + MIN_GAIN:
                    return _select_first(options, agreements)
        return None

    def _try(self, option: Mapping[str, Match], matches: Mapping[str, Match]) -> float:
        results = self._run({**matches, **option})
        return self._agreement(self._match(results, option), results)

    def _list_options(self, segment: Segment, matches: Mapping[str, Match]) -> list[dict[str, Match]]:
        """Return pairs of an operation of the segment's first layer with a tensor that the file computes
        between the segment's inputs and its result."""
        sources = {name for each in segment.operations for name in each.inputs}
        first = max((matches[name].index for name in sources if name in matches), default=-1)
        used = {match.index for match in matches.values()}
        free = [index for index in range(first + 1, matches[segment.result.name].index) if index not in used]
        return [
            {operation.name: Match(index, layout)}
            for operation in _first_layer(segment)
            if operation is not segment.result
            for index in self._select_size(free, self._sizes[operation.name])
            for layout in self._samples[index]
        ]

    def _select_size(self, indices: Sequence[int], size: int) -> list[int]:
        """Return the first tensors with this number of elements."""
        return [index for index in indices if self._array_sizes[index] == size][:MAX_TRIED]


def _select_first(options: Sequence[dict[str, Match]], agreements: Sequence[float]) -> dict[str, Match]:
    """Return the option with the first tensor, and of these with the last operation, among those that agree
    as well as the best one.

    A result and its rounded copy agree equally. The result of a fused ReLU agrees equally as the result of
    the ReLU and as that of the operation before it, since a second ReLU does not change it; the next
    operators expect the result of the ReLU.
    """
    operations = list(dict.fromkeys(name for option in options for name in option))
    close = []
    for number, (option, agreement) in enumerate(zip(options, agreements, strict=True)):
        if agreement > max(agreements) - CLOSE:
            [(name, match)] = option.items()
            close.append((match.index, -operations.index(name), -agreement, number))
    return options[min(close)[-1]]


def _first_layer(segment: Segment) -> list[Operation]:
    """Return the operations of a segment before its second layer."""
    first: list[Operation] = []
    for operation in segment.operations:
        if operation.is_layer and any(each.is_layer for each in first):
            break
        first.append(operation)
    return first
