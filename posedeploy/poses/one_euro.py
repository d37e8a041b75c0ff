"""The one-euro filter over arrays: steady when still, quick when moving.

Source: Casiez, Roussel and Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems" (CHI 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from posedeploy.types import Array


@dataclass(frozen=True)
class FilterState:
    """What a step leaves to the next, of one shape: the last raw and smoothed values, the smoothed speed."""

    raw: Array
    smooth: Array
    speed: Array

    def __getitem__(self, index: Array) -> FilterState:
        return FilterState(self.raw[index], self.smooth[index], self.speed[index])


@dataclass(frozen=True)
class OneEuro:
    """frequency: values per second, where their times are not known. min_cutoff, speed_cutoff: Hz. beta: Hz
    per unit of speed.
    """

    frequency: float
    beta: float
    min_cutoff: float = 1.0
    speed_cutoff: float = 1.0

    def start(self, values: Array) -> FilterState:
        """A state that has seen these values only, and returns them as they are."""
        return FilterState(values, values, np.zeros_like(values))

    def advance(self, state: FilterState, values: Array, elapsed_s: Array | None = None) -> FilterState:
        """The state after these values; its ``smooth`` is the filter's answer.

        Args:
            elapsed_s: seconds since the values before, of the values' shape or broadcast to it; None for the
                constant ``frequency``.
        """
        frequency = np.asarray(self.frequency) if elapsed_s is None else 1 / elapsed_s
        share = _share(np.asarray(self.speed_cutoff), frequency)
        speed = share * (values - state.raw) * frequency + (1 - share) * state.speed
        share = _share(self.min_cutoff + self.beta * np.abs(speed), frequency)
        return FilterState(values, share * values + (1 - share) * state.smooth, speed)


def _share(cutoff: Array, frequency: Array) -> Array:
    """How much of the new value a low-pass filter of this cutoff takes."""
    share: Array = 1 / (1 + frequency / (2 * math.pi * cutoff))
    return share


def together(first: FilterState, second: FilterState) -> FilterState:
    """The rows of two states, one after the other."""
    return FilterState(
        np.concatenate([first.raw, second.raw]),
        np.concatenate([first.smooth, second.smooth]),
        np.concatenate([first.speed, second.speed]),
    )


def where(mask: Array, yes: FilterState, no: FilterState) -> FilterState:
    """Element by element, ``yes`` where the mask (of the states' shape, or broadcast to it) is true."""
    return FilterState(
        np.where(mask, yes.raw, no.raw),
        np.where(mask, yes.smooth, no.smooth),
        np.where(mask, yes.speed, no.speed),
    )
