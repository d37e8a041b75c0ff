"""Choose the set of weights, and the names of its tensors, that fit a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from posedeploy.checkpoints.prefixes import NameView, views, without_common_wrappers
from posedeploy.checkpoints.weight_sets import Shapes, WeightSet
from posedeploy.printable import listed, printable

Distance = Callable[[Shapes], int]
"""The distance of tensors of these shapes from a network: 0 if they fit."""
IsComplete = Callable[[Shapes], bool]
"""Whether these are exactly the tensors of a network."""
MAX_NAMES = 4_000_000
"""Names compared in total; real files have a few thousand."""


class WeightsError(Exception):
    """The requested weights are missing or cannot be read; the message does not name the file."""


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A set of weights and a way to name its tensors."""

    weights: WeightSet
    view: NameView

    @property
    def shapes(self) -> Shapes:
        tensors = self.weights.tensors
        return {name: tuple(tensors[old].shape) for name, old in self.view.names.items()}

    @cached_property
    def ids(self) -> frozenset[int]:
        """The identities of its tensors, by which parts of other candidates are recognized."""
        return frozenset(id(self.weights.tensors[old]) for old in self.view.names.values())


@dataclass(frozen=True)
class Choice:
    """A set of weights, the names of its tensors, and the labels of the other sets that fit as well."""

    weights: WeightSet
    view: NameView
    others: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The value of ``weights`` that chooses this set."""
        return label_of(self.weights, self.view)


def label_of(weights: WeightSet, view: NameView) -> str:
    """Return the key of a set, with the prefix if the view is only a part of the set."""
    is_part = any("." in name for name in view.left_out)  # names without a dot are counters
    prefix = view.prefix.rstrip(".") if is_part else ""
    return printable(".".join(part for part in (weights.key, prefix) if part)) or "."


def choose(
    sets: Sequence[WeightSet],
    measure_distance: Distance | None,
    key: str | None,
    is_complete: IsComplete | None = None,
) -> Choice:
    """Return the first set and view that fit best, or a complete set that contains them; without
    ``measure_distance``, the largest set.

    Args:
        key: the label of the set to use, None for any.
        is_complete: whether tensors that fit are all of a network, for a ``measure_distance`` that looks at a
            few names only. None if 0 means that every tensor fits.

    Raises:
        WeightsError: no set has this label; the message lists the labels.
    """
    candidates = list(_candidates(sets, key))
    if not candidates:
        labels = [
            f"{weights.key or '.'} ({len(weights.tensors)} tensors)" for weights in sets if not weights.joined
        ]
        raise WeightsError(f"`weights={key}`: no such weights; choose among {listed(labels)}")
    if measure_distance is None:
        return _choose_largest(sets, candidates)
    lowest, fitting = _select_fitting(candidates, measure_distance)
    best = fitting[0]
    if lowest and not _is_near(lowest, best):
        return _choose_largest(sets, candidates)
    if not lowest:
        larger = (each for each in fitting[1:] if each.ids > best.ids)
        best = next((each for each in larger if is_complete is None or is_complete(each.shapes)), best)
    return Choice(best.weights, best.view, _list_others(best, fitting))


def _select_fitting(
    candidates: Sequence[tuple[WeightSet, NameView]], measure_distance: Distance
) -> tuple[int, list[_Candidate]]:
    """Return the lowest distance, and the candidates that have it."""
    lowest, fitting = 0, list[_Candidate]()
    for candidate in (_Candidate(weights, view) for weights, view in candidates):
        distance = measure_distance(candidate.shapes)
        if not fitting or distance < lowest:
            lowest, fitting = distance, []
        if distance == lowest:
            fitting.append(candidate)
    return lowest, fitting


def _list_others(best: _Candidate, fitting: Sequence[_Candidate]) -> tuple[str, ...]:
    """Return the labels of the candidates with other tensors than the best, or with more; no parts of
    candidates, and no second names of the same tensors."""
    kept: list[_Candidate] = []
    for each in fitting:
        is_other = each.ids.isdisjoint(best.ids) or each.ids > best.ids
        if not is_other or any(each.ids <= other.ids for other in kept):
            continue
        kept = [other for other in kept if not other.ids < each.ids] + [each]
    return tuple(dict.fromkeys(label_of(each.weights, each.view) for each in kept))


def _candidates(sets: Sequence[WeightSet], key: str | None) -> Iterator[tuple[WeightSet, NameView]]:
    compared = 0
    for weights in sets:
        for view in views(list(weights.tensors)):
            compared += len(view.names)
            if compared > MAX_NAMES:
                return
            if key is None or key in (printable(weights.key) or ".", label_of(weights, view)):
                yield weights, view


def _is_near(distance: int, candidate: _Candidate) -> bool:
    """Return whether more than half of the tensors fit; otherwise the set may be of another network."""
    return distance < len(candidate.view.names)


def _choose_largest(sets: Sequence[WeightSet], candidates: Sequence[tuple[WeightSet, NameView]]) -> Choice:
    allowed = [weights for weights, _ in candidates]
    largest = max(allowed, key=lambda weights: (not weights.joined, len(weights.tensors)))
    return Choice(largest, without_common_wrappers(list(largest.tensors)))
