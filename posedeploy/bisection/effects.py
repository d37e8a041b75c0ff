"""The effect of the errors of layers on the outputs of the network.

The network is run in FP32 with the error of each layer of the file added to its result. Without the error of
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
    """What remains of the difference at the outputs if layers are put back to FP32.

    alone: if only this layer is. together: if it and all layers before it in the ranking are.
    """

    layer: LayerErrors
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
    """Return the layers with the largest effect, the largest first.

    Args:
        layers: those of the file. kept: the names of layers that are ranked.
        measure: the difference of outputs from those of the network. size: the order of differences.
        shown: the number of layers to return.
    """
    tried = sorted(
        (each for each in layers if each.layer.name in kept),
        key=lambda each: -max(own.error / max(own.limit, 1e-30) for own in each.errors),
    )[:MAX_LAYERS]
    total = len(tried) + min(shown, len(tried))

    def run(restored: Collection[str]) -> Difference:
        return measure(_run(graph, layers, restored))

    alone: dict[str, Difference] = {}
    for number, each in enumerate(tried):
        alone[each.layer.name] = run({each.layer.name})
        on_progress(number + 1, total)
    tried.sort(key=lambda each: size(alone[each.layer.name]))
    effects: list[LayerEffect[Difference]] = []
    restored: set[str] = set()
    for number, each in enumerate(tried[:shown]):
        name = each.layer.name
        restored.add(name)
        together = run(restored) if len(restored) > 1 else alone[name]
        effects.append(LayerEffect(each, alone[name], together))
        on_progress(len(tried) + number + 1, total)
    return effects


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
