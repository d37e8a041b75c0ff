"""Find the tensor of a model file for each operation of the network, also behind a fault.

The network is run with the values of the file in place of its own results, so that behind a faulty tensor
the values agree again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from posedeploy.bisection.matched_runs import MatchedRuns
from posedeploy.bisection.matching import MAX_DIFFERENCE, Match, Matcher, relative_difference
from posedeploy.bisection.reference_graph import ReferenceGraph
from posedeploy.bisection.segments import Segment, find_segments, list_first_layer
from posedeploy.types import Array

MAX_ROUNDS = 12
"""Runs of the network, at most, to find the matches."""
MAX_TRIED = 4
"""Tensors of a segment that are tried for an operation whose values agree with none."""
HIDING_DIFFERENCE = 0.1
"""The difference of a result that can hide matches before it."""
NOISE_MARGIN = 10.0
"""A correct result differs by at most this multiple of the least limit of its precision."""
MIN_GAIN = 0.5
"""The least gain in agreement of a match that is tried; a match that agrees fully gains 1."""
CLOSE = 0.1
"""Options whose agreements differ by less than this agree equally well."""
NO_MATCHES: Mapping[str, Match] = {}


class Aligner:
    """The search for the matches of one run of a model file.

    outputs: the matches of the operations that compute the network's outputs, which are known. noise: the
    difference of a correct result.
    """

    def __init__(
        self,
        graph: ReferenceGraph,
        arrays: Sequence[Array],
        outputs: Mapping[str, Match],
        noise: float,
    ) -> None:
        self._operations = graph.operations
        self._runs, self._matcher = MatchedRuns(graph, arrays), Matcher(arrays)
        self._array_sizes = [array.size for array in arrays]
        self._fixed = dict(outputs)
        self._noise = noise
        self._wrong: set[tuple[str, int]] = set()

    def align(self) -> dict[str, Match]:
        """Return the match of each operation whose result the file holds."""
        matches = dict(self._fixed)
        earlier: list[dict[str, Match]] = []
        for _ in range(MAX_ROUNDS):
            earlier.append(matches)
            results = self._runs.run(matches)
            matches = self._match(results)
            if matches in earlier:  # they settled, or behind a fault, alternate
                if wrong := self._find_wrong(matches, results):
                    self._wrong |= wrong
                    continue
                hidden = self._find_hidden(matches, results)
                if hidden is None:
                    break
                self._fixed |= hidden
                matches = {**matches, **hidden}
        return matches

    def _match(
        self, results: Mapping[str, Array], extra: Mapping[str, Match] = NO_MATCHES
    ) -> dict[str, Match]:
        """Return the matches for these results, with the known ones and ``extra``."""
        fixed = {**self._fixed, **extra}
        used = {match.index for match in fixed.values()}
        free = {name: values for name, values in results.items() if name not in fixed}
        pairs = self._matcher.match(free, self._runs.sizes, used)
        right = {name: each for name, each in pairs.items() if (name, each.index) not in self._wrong}
        return {**right, **fixed}

    def _difference(self, name: str, match: Match, results: Mapping[str, Array]) -> float:
        return relative_difference(results[name], self._matcher.samples[match.index][match.is_transposed])

    def _agreement(self, matches: Mapping[str, Match], results: Mapping[str, Array]) -> float:
        """Return how well the file agrees with the network: up to 1 for each match."""
        differences = [self._difference(name, match, results) for name, match in matches.items()]
        return sum(max(0.0, 1 - difference / MAX_DIFFERENCE) for difference in differences)

    def _find_wrong(self, matches: Mapping[str, Match], results: Mapping[str, Array]) -> set[tuple[str, int]]:
        """Return the operations with tensors that are only similar: without the match, more of the file
        agrees with the network.

        An example is the result of a convolution without its bias. A later result is computed from it, and
        then differs, too.
        """
        differing = {
            name for name, match in matches.items() if self._difference(name, match, results) > self._noise
        }
        suspects = {
            name
            for segment in find_segments(self._operations, matches)
            if segment.result.name in differing
            for name in segment.find_sources(matches) & differing - self._fixed.keys()
        }
        agreement = self._agreement(matches, results)
        wrong = set()
        for suspect in suspects:
            others = {name: match for name, match in matches.items() if name != suspect}
            if self._agreement(others, self._runs.change(others)) > agreement + CLOSE:
                wrong.add((suspect, matches[suspect].index))
        return wrong

    def _find_hidden(
        self, matches: Mapping[str, Match], results: Mapping[str, Array]
    ) -> dict[str, Match] | None:
        """Return a match that a fault hides: with it, more of the file agrees with the network.

        It is within the first segment whose result differs much, or replaces the match of this result: a
        faulty result can be less similar than a later tensor, such as its multiple. None if there is no such
        match.
        """
        for segment in find_segments(self._operations, matches):
            name = segment.result.name
            # If a large bias comes after a layer, the layer hardly changes the result of both.
            limit = min(self._noise, HIDING_DIFFERENCE) if segment.has_several_layers else HIDING_DIFFERENCE
            if self._difference(name, matches[name], results) > limit:
                options = self._list_options(segment, matches)
                agreements = [self._try(option, matches) for option in options]
                if agreements and max(agreements) > self._agreement(matches, results) + MIN_GAIN:
                    return _select_first(options, agreements)
        return None

    def _try(self, option: Mapping[str, Match], matches: Mapping[str, Match]) -> float:
        results = self._runs.change({**matches, **option})
        return self._agreement(self._match(results, option), results)

    def _list_options(self, segment: Segment, matches: Mapping[str, Match]) -> list[dict[str, Match]]:
        """Return pairs of an operation of the segment's first layer with a tensor that the file computes
        between the inputs of this layer and the result of the segment."""
        layer = list_first_layer(segment)
        sources = {name for each in layer for name in each.inputs}
        first = max((matches[name].index for name in sources if name in matches), default=-1)
        used = {match.index for match in matches.values()}
        free = [index for index in range(first + 1, matches[segment.result.name].index) if index not in used]
        return [
            {operation.name: Match(index, layout)}
            for operation in layer
            if operation.name not in self._fixed
            for index in self._select_size(free, self._runs.sizes[operation.name])
            for layout in self._matcher.samples[index]
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
