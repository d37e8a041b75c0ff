"""Axes of charts: from values to positions, with round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_LINEAR_RATIO = 12.0
"""From this ratio of the largest value to the smallest on, a time axis is logarithmic."""
MIN_VALUE, MAX_VALUE = 1e-100, 1e100
"""The smallest and the largest value that axes show at a position of their own."""
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class Tick(NamedTuple):
    """A mark of an axis: its position in px and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """A scale from ``low`` to ``high``, drawn from the position ``start`` to ``end`` in px.

    Its ends are at most ``MAX_VALUE`` and, of a logarithmic scale, at least ``MIN_VALUE``.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __post_init__(self) -> None:
        lowest = MIN_VALUE if self.is_log else -MAX_VALUE
        for name in ("low", "high"):
            object.__setattr__(self, name, min(max(getattr(self, name), lowest), MAX_VALUE))

    def at(self, value: float) -> float:
        """Return the position of a value, at most at the ends of the axis."""
        low, high, value = (
            (math.log(self.low), math.log(self.high), math.log(max(value, self.low)))
            if self.is_log
            else (self.low, self.high, value)
        )
        if low == high:
            return self.start
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 6) -> list[Tick]:
        """Return about ``count`` ticks at round values."""
        values = self._log_values() if self.is_log else []
        if len(values) < 2 and self.low < self.high:  # a short logarithmic scale, or a linear one
            values = _round_values(self.low, self.high, count)
        return [Tick(self.at(value), f"{value:.6g}") for value in values]

    def _log_values(self) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
        return [value for value in values if self.low <= value <= self.high]


def axis_from_zero(values: Sequence[float], start: float, end: float) -> Axis:
    """Return a linear axis from 0 to a round value above all of ``values``."""
    largest = min(max(values, default=0.0), MAX_VALUE / 2)
    if largest < MIN_VALUE:
        return Axis(0.0, 1.0, start, end)
    step = _step(largest * 1.06 / 5)
    return Axis(0.0, step * math.ceil(largest * 1.06 / step), start, end)


def axis_of_times(values: Sequence[float], start: float, end: float) -> Axis:
    """Return an axis for times above 0: from 0, or logarithmic if they differ by ``MAX_LINEAR_RATIO``."""
    low, high = min(values), max(values)
    if high < MAX_LINEAR_RATIO * low:
        return axis_from_zero(values, start, end)
    return Axis(low / 1.3, high * 1.3, start, end, is_log=True)


def _round_values(low: float, high: float, count: int) -> list[float]:
    step = _step((high - low) / count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [step * number for number in range(first, last + 1)]


def _step(least: float) -> float:
    """Return the smallest round number that is at least ``least``."""
    decade = 10.0 ** math.floor(math.log10(least))
    return next(step * decade for step in STEPS if step * decade >= least * (1 - 1e-9))
