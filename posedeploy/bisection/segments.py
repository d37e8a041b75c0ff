"""The operations of a network between the tensors that a model file has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from posedeploy.bisection.operations import Operation


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

    def find_sources(self, matched: Collection[str]) -> set[str]:
        """Return the matched operations whose results it uses."""
        return {name for each in self.operations for name in each.inputs if name in matched}

    @property
    def has_several_layers(self) -> bool:
        """Whether the results of layers within it have no match."""
        return sum(each.is_layer for each in self.operations) > 1


def find_segments(operations: Sequence[Operation], matched: Collection[str]) -> list[Segment]:
    """Return a segment for each match, in the order of the network."""
    positions = {each.name: number for number, each in enumerate(operations)}
    segments = []
    for operation in operations:
        if operation.name in matched:
            numbers, pending = {positions[operation.name]}, list(operation.inputs)
            while pending:
                name = pending.pop()
                if name not in matched and positions[name] not in numbers:
                    numbers.add(positions[name])
                    pending += operations[positions[name]].inputs
            segments.append(Segment(tuple(operations[number] for number in sorted(numbers))))
    return segments


def list_first_layer(segment: Segment) -> list[Operation]:
    """Return the operations of a segment before its second layer."""
    first: list[Operation] = []
    for operation in segment.operations:
        if operation.is_layer and any(each.is_layer for each in first):
            break
        first.append(operation)
    return first
