"""Random numbers that are the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from posedeploy.types import Array

T = TypeVar("T")


class Rng:
    """A stream of random numbers that depends on its seeds only.

    It uses only uniform numbers and bytes of NumPy's frozen ``RandomState`` stream: distributions that take
    logarithms, such as the normal one, may differ in the last bit from machine to machine.
    """

    def __init__(self, *seeds: int) -> None:
        self._stream = np.random.RandomState(seeds)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a number from low to high."""
        return low + (high - low) * float(self._stream.random_sample())

    def uniforms(self, low: float, high: float, count: int) -> Array:
        """Return (count,) numbers from low to high."""
        numbers: Array = low + (high - low) * self._stream.random_sample(count)
        return numbers

    def around(self, center: float, spread: float) -> float:
        """Return a number within ``spread`` of the center, likelier near it (the mean of three)."""
        return center + spread * float(2 * self._stream.random_sample(3).mean() - 1)

    def integer(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included."""
        return low + int(self._stream.random_sample() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self._stream.random_sample() < probability)

    def choice(self, values: Sequence[T]) -> T:
        """Return one of the values, each with the same probability."""
        return values[self.integer(0, len(values) - 1)]

    def sign(self) -> int:
        """Return -1 or 1."""
        return 1 if self.chance(0.5) else -1

    def noise(self, shape: tuple[int, ...]) -> Array:
        """Return int16 of this shape with mean 0 and std 128: each is the sum of three random bytes."""
        count = int(np.prod(shape))
        values = np.frombuffer(self._stream.bytes(3 * count), np.uint8).reshape(3, *shape)
        noise: Array = values.sum(axis=0, dtype=np.int16) - np.int16(382)
        return noise
