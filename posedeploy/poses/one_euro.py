"""The one-euro filter for arrays: strong smoothing at rest, little delay in motion.

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
    """The state after a step: the last raw and smoothed values, and the smoothed speed, all of one shape."""

    raw: Array
    smooth: Array
    speed: Array

    def __getitem__(self, index: Array) -> FilterState:
        return FilterState(self.raw[index], self.smooth[index], self.speed[index])


@dataclass(frozen=True)
class OneEuro:
    """The parameters of a filter.

    frequency: values per second if their times are unknown. min_cutoff, speed_cutoff: in Hz. beta: in Hz per
    unit of speed.
    """

    frequency: float
    beta: float
    min_cutoff: float = 1.0
    speed_cutoff: float = 1.0

    def start(self, values: Array) -> FilterState:
        """Return the state after the first values, which are not smoothed."""
        return FilterState(values, values, np.zeros_like(values))

    def advance(self, state: FilterState, values: Array, elapsed_s: Array | None = None) -> FilterState:
        """Return the state after the next values; ``smooth`` is the filter's output.

        Args:
            elapsed_s: seconds since the last values, broadcast to their shape; None for the constant
                ``frequency``.
        """
        frequency = np.asarray(self.frequency) if elapsed_s is None else 1 / elapsed_s
        share = _new_weight(np.asarray(self.speed_cutoff), frequency)
        speed = share * (values - state.raw) * frequency + (1 - share) * state.speed
        share = _new_weight(self.min_cutoff + self.beta * np.abs(speed), frequency)
        return FilterState(values, share * values + (1 - share) * state.smooth, speed)


def _new_weight(cutoff: Array, frequency: Array) -> Array:
    """Return the weight of the new value in a low-pass filter with this cutoff."""
    share: Array = 1 / (1 + frequency / (2 * math.pi * cutoff))
    return share


def concatenate(first: FilterState, second: FilterState) -> FilterState:
    """Return the rows of two states, concatenated."""
    return FilterState(
        np.concatenate([first.raw, second.raw]),
        np.concatenate([first.smooth, second.smooth]),
        np.concatenate([first.speed, second.speed]),
    )


def select(mask: Array, yes: FilterState, no: FilterState) -> FilterState:
    """Select elements: ``yes`` where the mask, broadcast to the states' shape, is true, otherwise ``no``."""
    return FilterState(
        np.where(mask, yes.raw, no.raw),
        np.where(mask, yes.smooth, no.smooth),
        np.where(mask, yes.speed, no.speed),
    )
