"""How far one output of a candidate is from the reference's, on all inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posedeploy.benchmarks.array_differences import cosine, difference, largest, root_mean_square
from posedeploy.types import Array


@dataclass(frozen=True)
class Place:
    """One element of one output on one input, with both values."""

    sample: str
    index: tuple[int, ...]
    reference: float
    candidate: float


@dataclass(frozen=True)
class InputDifference:
    """The differences of one output on one input.

    max_absolute: the largest difference; infinite where a side has NaN or infinity. max_relative and
    rms_relative: the largest difference and the root mean square, over the largest value of the reference.
    cosine: of the two outputs as vectors; 1 is the same direction, 0 where a side has NaN or infinity. worst:
    where they differ most.
    """

    max_absolute: float
    max_relative: float
    rms_relative: float
    cosine: float
    worst: Place


def measure_difference(sample: str, reference: Array, candidate: Array) -> InputDifference:
    """Return the differences of an output of this shape on the input named ``sample``."""
    absolute = difference(reference, candidate)
    relative = absolute / (largest(reference) or 1.0)
    index = tuple(int(axis) for axis in np.unravel_index(int(relative.argmax()), relative.shape))
    return InputDifference(
        float(absolute.max()),
        float(relative.max()),
        root_mean_square(relative),
        cosine(reference.ravel(), candidate.ravel()),
        Place(sample, index, float(reference[index]), float(candidate[index])),
    )


@dataclass(frozen=True)
class OutputParity:
    """One output: its differences on every input, without the arrays, which would fill the memory."""

    name: str
    differences: tuple[InputDifference, ...]

    @property
    def samples(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(each.worst.sample for each in self.differences)

    @property
    def max_absolute(self) -> float:
        """The largest difference; infinite where a side has NaN or infinity."""
        return max(each.max_absolute for each in self.differences)

    @property
    def rtol(self) -> float:
        """The largest difference over the output's largest absolute value on that input."""
        return max(each.max_relative for each in self.differences)

    @property
    def rms_relative(self) -> float:
        """The largest root mean square of the differences on an input, over the output's largest absolute
        value there."""
        return max(each.rms_relative for each in self.differences)

    @property
    def cosine(self) -> float:
        """The least cosine between the two outputs over the inputs."""
        return min(each.cosine for each in self.differences)

    @property
    def worst(self) -> Place:
        """Where the two differ most, relative to the output's size on that input."""
        return self._largest(lambda each: each.max_relative).worst

    @property
    def worst_rms_sample(self) -> str:
        """The input on which the root mean square is largest."""
        return self._largest(lambda each: each.rms_relative).worst.sample

    def _largest(self, key: Callable[[InputDifference], float]) -> InputDifference:
        return max(self.differences, key=key)
