"""The effect of the errors of layers on the outputs of the network.

The network is run in FP32 with the errors of layers of the file added to their results. Without the error of
one layer, the outputs are those of the file with this layer put back to FP32.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from posedeploy.bisection.arithmetic import run_in_fp32
from posedeploy.bisection.operations import Operation
from posedeploy.bisection.own_errors import OwnError
from posedeploy.bisection.reference_graph import ReferenceGraph
from posedeploy.types import Array

Difference = TypeVar("Difference")
MAX_LAYERS = 40
"""Layers whose effect is measured: those with the largest own errors, relative to the floor."""


@dataclass(frozen=True)
class LayerErrors:
    """The own errors of the tensors of one layer: its result, and those after it without weights."""

    layer: Operation
    errors: tuple[OwnError, ...]

    @property
    def worst(self) -> OwnError:
        """The tensor with the largest own error."""
        return max(self.errors, key=lambda each: each.error)


@dataclass(frozen=True)
class LayerEffect(Generic[Difference]):
    """The difference at the outputs that a layer causes, and that remains if layers are put back to FP32.

    caused: if all other layers are. alone: if only this layer is. together: if it and all layers before it in
    the ranking are.
    """

    layer: LayerErrors
    caused: Difference
    alone: Difference
    together: Difference


def group_by_layer(errors: Iterable[OwnError]) -> list[LayerErrors]:
    """Return the own errors by layer, in the order of the network."""
    groups: dict[str, list[OwnError]] = {}
    for each in errors:
        groups.setdefault(each.segment.layer.name, []).append(each)
    return [LayerErrors(own[0].segment.layer, tuple(own)) for own in groups.values()]


def rank_layers(
    graph: ReferenceGraph,
    layers: Sequence[LayerErrors],
    kept: Collection[str],
    measure: Callable[[list[Array]], Difference],
    size: Callable[[Difference], float],
    shown: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[LayerEffect[Difference]]:
    """Return the layers that cause the largest differences, the largest first.

    A layer is ranked by the difference that remains if all others are put back to FP32. If two layers are
    faulty, putting back only one of them hardly reduces the difference.

    Args:
        layers: those of the file. kept: the names of layers that are ranked.
        measure: the difference of outputs from those of the network. size: the order of differences.
        shown: the number of layers to return.
    """
    tried = sorted(
        (each for each in layers if each.layer.name in kept),
        key=lambda each: -max(own.error / max(own.limit, 1e-30) for own in each.errors),
    )[:MAX_LAYERS]
    names = {each.layer.name for each in layers}
    count = min(shown, len(tried))
    steps = _Steps(len(tried) + 2 * count, on_progress)

    def run(restored: Collection[str]) -> Difference:
        difference = measure(_run(graph, layers, restored))
        steps.advance()
        return difference

    caused = {each.layer.name: run(names - {each.layer.name}) for each in tried}
    tried.sort(key=lambda each: size(caused[each.layer.name]), reverse=True)
    ranked = [each.layer.name for each in tried[:count]]
    return [
        LayerEffect(
            layer=each,
            caused=caused[each.layer.name],
            alone=run({each.layer.name}),
            together=run(ranked[: number + 1]),
        )
        for number, each in enumerate(tried[:count])
    ]


class _Steps:
    """A counter of the runs of the network."""

    def __init__(self, total: int, on_progress: Callable[[int, int], None]) -> None:
        self._done, self._total, self._on_progress = 0, total, on_progress

    def advance(self) -> None:
        self._done += 1
        self._on_progress(self._done, self._total)


def _run(graph: ReferenceGraph, layers: Sequence[LayerErrors], restored: Collection[str]) -> list[Array]:
    deltas: Mapping[str, Array] = {
        own.segment.result.name: own.delta
        for each in layers
        if each.layer.name not in restored
        for own in each.errors
    }

    def add(name: str, result: Tensor) -> Tensor:
        return result + torch.from_numpy(deltas[name]) if name in deltas else result

    return [output.numpy() for output in graph.run(run_in_fp32, add)]
