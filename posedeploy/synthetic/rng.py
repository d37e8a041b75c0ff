"""Chance that is the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from posedeploy.types import Array

T = TypeVar("T")


class Rng:
    """A stream of draws that hangs on its seeds alone.

    It is NumPy's frozen ``RandomState`` stream, of which only uniform numbers and bytes are used: what takes
    logarithms, as normal distributions do, may differ in the last bit from machine to machine.
    """

    def __init__(self, *seeds: int) -> None:
        self._stream = np.random.RandomState(seeds)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number from low to high."""
        return low + (high - low) * float(self._stream.random_sample())

    def uniforms(self, low: float, high: float, count: int) -> Array:
        """(count,) numbers from low to high."""
        drawn: Array = low + (high - low) * self._stream.random_sample(count)
        return drawn

    def about(self, middle: float, spread: float) -> float:
        """A number within ``spread`` of the middle, likelier near it (the mean of three draws)."""
        return middle + spread * float(2 * self._stream.random_sample(3).mean() - 1)

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._stream.random_sample() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True this often."""
        return bool(self._stream.random_sample() < probability)

    def pick(self, things: Sequence[T]) -> T:
        """One of these, each as likely."""
        return things[self.whole(0, len(things) - 1)]

    def side(self) -> int:
        """-1 or 1."""
        return 1 if self.chance(0.5) else -1

    def noise(self, shape: tuple[int, ...]) -> Array:
        """int16 of this shape about 0, bell-shaped: the sum of three bytes, std 128."""
        count = int(np.prod(shape))
        drawn = np.frombuffer(self._stream.bytes(3 * count), np.uint8).reshape(3, *shape)
        noise: Array = drawn.sum(axis=0, dtype=np.int16) - np.int16(382)
        return noise
