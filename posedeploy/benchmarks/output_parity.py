"""Differences of one output between candidate and reference, on all inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from posedeploy.benchmarks.array_differences import (
    absolute_differences,
    bound_scale,
    cosine_similarity,
    max_absolute,
    rms,
)
from posedeploy.types import Array


@dataclass(frozen=True)
class Element:
    """One element of one output on one input, with both values."""

    input: str
    index: tuple[int, ...]
    reference: float
    candidate: float


@dataclass(frozen=True)
class InputDifference:
    """The differences of one output on one input.

    max_absolute: the largest difference; infinite if a side has NaN or infinity. max_relative, rms_relative:
    the largest difference and the root mean square, relative to the largest value of the reference. cosine:
    the cosine similarity of the outputs; 0 if a side has NaN or infinity. worst: the element that differs
    most. reference_max: the largest value of the reference on this input. rows: the numbers of rows of the
    reference and of the candidate, if they differ; the differences are then infinite.
    """

    max_absolute: float
    max_relative: float
    rms_relative: float
    cosine: float
    worst: Element
    reference_max: float = 1.0
    rows: tuple[int, int] | None = None

    def relative_to(self, scale: float) -> InputDifference:
        """Return the differences relative to this value instead of the largest on this input."""
        factor = (self.reference_max or 1.0) / scale
        return replace(self, max_relative=self.max_relative * factor, rms_relative=self.rms_relative * factor)


def measure_difference(
    name: str, reference: Array, candidate: Array, rows: tuple[int, int] | None = None
) -> InputDifference:
    """Return the differences of an output on the input with this name.

    Args:
        rows: the numbers of rows of both sides, if they differ.
    """
    if rows is not None:
        worst = Element(name, (), float(rows[0]), float(rows[1]))
        return InputDifference(np.inf, np.inf, np.inf, 0.0, worst, max_absolute(reference), rows)
    if reference.size == 0:
        return InputDifference(0.0, 0.0, 0.0, 1.0, Element(name, (), 0.0, 0.0), 0.0)
    absolute = absolute_differences(reference, candidate)
    relative = absolute / (max_absolute(reference) or 1.0)
    index = tuple(int(axis) for axis in np.unravel_index(int(relative.argmax()), relative.shape))
    return InputDifference(
        float(absolute.max()),
        float(relative.max()),
        rms(relative),
        cosine_similarity(reference.ravel(), candidate.ravel()),
        Element(name, index, float(reference[index]), float(candidate[index])),
        max_absolute(reference),
    )


def relative_to_largest(differences: Sequence[InputDifference]) -> tuple[InputDifference, ...]:
    """Return the differences of an output relative to the scale of each input (``bound_scale``)."""
    largest = max((each.reference_max for each in differences), default=0.0)
    return tuple(each.relative_to(bound_scale(each.reference_max, largest)) for each in differences)


@dataclass(frozen=True)
class OutputParity:
    """The differences of one output on every input, without the arrays, to save memory."""

    name: str
    differences: tuple[InputDifference, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(each.worst.input for each in self.differences)

    @property
    def max_absolute(self) -> float:
        """The largest difference; infinite if a side has NaN or infinity."""
        return max(each.max_absolute for each in self.differences)

    @property
    def rtol(self) -> float:
        """The largest difference, relative to the scale of the output on that input."""
        return max(each.max_relative for each in self.differences)

    @property
    def rms_relative(self) -> float:
        """The largest RMS difference, relative to the scale of the output on that input."""
        return max(each.rms_relative for each in self.differences)

    @property
    def cosine(self) -> float:
        """The smallest cosine similarity of the two outputs on any input."""
        return min(each.cosine for each in self.differences)

    @property
    def worst(self) -> Element:
        """The element with the largest relative difference."""
        return self._largest(lambda each: each.max_relative).worst

    @property
    def different_rows(self) -> InputDifference | None:
        """The difference on the first input on which the models return different numbers of rows; None if
        there is no such input."""
        return next((each for each in self.differences if each.rows is not None), None)

    @property
    def worst_rms_input(self) -> str:
        """The name of the input with the largest RMS difference."""
        return self._largest(lambda each: each.rms_relative).worst.input

    def _largest(self, key: Callable[[InputDifference], float]) -> InputDifference:
        return max(self.differences, key=key)
