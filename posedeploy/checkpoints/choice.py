"""Which set of weights is meant, and how its tensors are named: the one under which a network fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from posedeploy.checkpoints.prefixes import View, views, without_common_wrappers
from posedeploy.checkpoints.weight_sets import Shapes, WeightSet
from posedeploy.printable import listed, printable

Misfit = Callable[[Shapes], int]
"""How far tensors of these shapes are from a network: 0 where they fit."""
MAX_NAMES = 4_000_000
"""Names that are looked at in all; real files have a few thousand."""


class WeightsError(Exception):
    """The weights that are asked for are not there or cannot be read; the message is without the file's
    name."""


@dataclass(frozen=True)
class Choice:
    """A set of weights, how it is named, and the labels of the other sets that would do as well."""

    weights: WeightSet
    view: View
    others: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What ``--weights`` takes to choose this one."""
        return label_of(self.weights, self.view)


def label_of(weights: WeightSet, view: View) -> str:
    """The key of a set, with the prefix where only the tensors of that prefix are meant."""
    others = any("." in name for name in view.left_out)  # and not only counters
    prefix = view.prefix.rstrip(".") if others else ""
    return printable(".".join(part for part in (weights.key, prefix) if part)) or "."


def choose(sets: Sequence[WeightSet], misfit: Misfit | None, key: str | None) -> Choice:
    """The first set and view that fit best; without anything to fit to, the largest set.

    Args:
        key: the label that the user asks for.

    Raises:
        WeightsError: no set has this label; the message lists those there are.
    """
    candidates = list(_candidates(sets, key))
    if not candidates:
        labels = [
            f"{weights.key or '.'} ({len(weights.tensors)} tensors)" for weights in sets if not weights.joined
        ]
        raise WeightsError(f"--weights {key}: no such weights; there are {listed(labels)}")
    if misfit is None:
        return _largest(sets, candidates)
    best: Choice | None = None
    lowest, others = 0, list[str]()
    for weights, view in candidates:
        if best is not None and lowest == 0 and 2 * len(view.names) < len(best.view.names):
            continue  # too few to be the same network
        distance = misfit({name: tuple(weights.tensors[old].shape) for name, old in view.names.items()})
        if best is None or distance < lowest:
            best, lowest, others = Choice(weights, view), distance, []
        elif distance == lowest and _is_other(best, weights, view):
            others.append(label_of(weights, view))
    assert best is not None, "there are candidates"
    if lowest and not _is_near(lowest, best):
        return _largest(sets, candidates)
    return Choice(best.weights, best.view, tuple(dict.fromkeys(others)))


def _candidates(sets: Sequence[WeightSet], key: str | None) -> Iterator[tuple[WeightSet, View]]:
    looked_at = 0
    for weights in sets:
        for view in views(list(weights.tensors)):
            looked_at += len(view.names)
            if looked_at > MAX_NAMES:
                return
            if key is None or key in (printable(weights.key) or ".", label_of(weights, view)):
                yield weights, view


def _is_near(distance: int, choice: Choice) -> bool:
    """Whether more tensors fit than do not; otherwise nothing says that this set was meant."""
    return distance < len(choice.view.names)


def _is_other(best: Choice, weights: WeightSet, view: View) -> bool:
    """Whether these are other tensors than the best ones, and not the same under other names."""
    if weights.joined:
        return False
    return weights is not best.weights or not set(view.names.values()) & set(best.view.names.values())


def _largest(sets: Sequence[WeightSet], candidates: Sequence[tuple[WeightSet, View]]) -> Choice:
    held = [weights for weights, _ in candidates]
    largest = max(held, key=lambda weights: (not weights.joined, len(weights.tensors)))
    return Choice(largest, without_common_wrappers(list(largest.tensors)))
