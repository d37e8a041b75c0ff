"""The search for the layers that must be in floating point so that a quantized network stays within a budget.

The layers are ranked by their effect on the outputs per estimated time, in groups of adjacent ones in large
networks. Bisection then finds the shortest beginning of this ranking that stays within the budget. The number
of trials is limited by that: ``MAX_GROUPS`` for the ranking, and its logarithm for the bisection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_GROUPS = 32


class CostedLayer(Protocol):
    """A layer with its estimated additional time in floating point."""

    @property
    def name(self) -> str:
        """Its unique name."""

    @property
    def cost(self) -> float:
        """In the same unit for all layers."""


class Trials(Protocol):
    """Measures a network with some layers in floating point and the others in INT8."""

    def meets_budget(self, float_layers: Sequence[str]) -> bool:
        """Return whether the poses are within the budget."""

    def measure_effect(self, float_layers: Sequence[str]) -> float:
        """Return the mean squared error of the outputs."""

    @property
    def is_time_up(self) -> bool:
        """Whether no further trial should start."""


@dataclass(frozen=True)
class LayerChoice:
    """The result of a search for float layers.

    float_layers: those that keep the poses within the budget, in the order of the ranking; None if even all
    of them in floating point do not. is_complete: False if the time limit was reached before the fewest were
    found.
    """

    float_layers: tuple[str, ...] | None
    is_complete: bool = True


def count_trials(layers: int) -> int:
    """Return the largest number of trials of a search."""
    groups = min(layers, MAX_GROUPS)
    return 1 if not groups else 3 + groups + math.ceil(math.log2(groups + 1))


def search(layers: Sequence[CostedLayer], trials: Trials) -> LayerChoice:
    """Return the layers that must be in floating point, as few and as cheap as the ranking allows."""
    names = tuple(layer.name for layer in layers)
    if trials.meets_budget(()):
        return LayerChoice(())
    if not names or not trials.meets_budget(names):
        return LayerChoice(None)
    groups = _rank(_group(layers), names, trials)
    fails, meets = 0, len(groups)
    while meets - fails > 1 and not trials.is_time_up:
        middle = (fails + meets) // 2
        if trials.meets_budget(_names(groups[:middle])):
            meets = middle
        else:
            fails = middle
    return LayerChoice(_names(groups[:meets]), is_complete=meets - fails == 1)


def _rank(
    groups: Sequence[Sequence[CostedLayer]], names: Sequence[str], trials: Trials
) -> list[Sequence[CostedLayer]]:
    """Return the groups by the error that each causes alone, per cost, the largest first.

    Groups for which no time is left come last, the cheapest first.
    """
    base = trials.measure_effect(names)
    ranks: list[tuple[float, float]] = []
    for group in groups:
        cost = sum(layer.cost for layer in group) or 1.0
        if trials.is_time_up:
            ranks.append((0.0, -cost))
            continue
        quantized = set(_names([group]))
        effect = trials.measure_effect([name for name in names if name not in quantized])
        ranks.append((_above(effect, base) / cost, -cost))
    order = sorted(range(len(groups)), key=lambda index: ranks[index], reverse=True)
    return [groups[index] for index in order]


def _above(effect: float, base: float) -> float:
    """Return how far an error exceeds that without any INT8 layer; infinite if it is not a number."""
    return max(effect - base, 0.0) if math.isfinite(effect) else math.inf


def _group(layers: Sequence[CostedLayer]) -> list[Sequence[CostedLayer]]:
    size = -(-len(layers) // MAX_GROUPS)
    return [layers[start : start + size] for start in range(0, len(layers), size)]


def _names(groups: Sequence[Sequence[CostedLayer]]) -> tuple[str, ...]:
    return tuple(layer.name for group in groups for layer in group)
