"""Find the channels between layers of a PyTorch network that can be scaled without changing its results.

The layers and their connections are those of the graph of gradients.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from posedeploy.convert.recovery.layer_calls import GradientNodes, run

CONVOLUTION, NORM = "ConvolutionBackward0", "NativeBatchNormBackward0"
HOMOGENEOUS = frozenset(
    {
        "ReluBackward0", "LeakyReluBackward0", "PreluKernelBackward0", "MaxPool2DWithIndicesBackward0",
        "AvgPool2DBackward0",
    }
)  # fmt: skip
"""The operators between two layers for which ``f(x / s) = f(x) / s`` if ``s > 0``."""


@dataclass(frozen=True)
class ChannelGroup:
    """The weights that one factor for each channel leaves equivalent.

    divided: with the channels in axis 0. multiplied: with the channels in axis 1, or for depthwise
    convolutions in axis 0. readers: the numbers of the layers with the latter weights.
    """

    divided: tuple[nn.Parameter, ...]
    multiplied: tuple[nn.Parameter, ...]
    readers: tuple[int, ...]


def find_groups(network: nn.Module, inputs: Sequence[Tensor]) -> list[ChannelGroup]:
    """Return the groups of a network whose channels can be scaled, in the order of its layers."""
    calls = GradientNodes()
    with torch.enable_grad():
        outputs = run(network, inputs, calls)
    readers = _find_readers(output.grad_fn for output in outputs)
    for output in outputs:
        readers[output.grad_fn].append((None, 0))
    groups = []
    for node in calls.numbers:
        if node is None or node.name() != CONVOLUTION:
            continue
        group = _find_group(node, readers, calls.numbers)
        if group is not None:
            groups.append(group)
    return groups


def _find_readers(nodes: Iterable[Any]) -> dict[Any, list[tuple[Any, int]]]:
    """Return the nodes that read each node, with the position of the argument."""
    readers: dict[Any, list[tuple[Any, int]]] = defaultdict(list)
    pending, seen = list(nodes), set[Any]()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        for position, (source, _) in enumerate(node.next_functions):
            if source is not None:
                readers[source].append((node, position))
                pending.append(source)
    return readers


def _find_group(node: Any, readers: Any, numbers: dict[Any, int]) -> ChannelGroup | None:
    """Return the group of a layer's result; None if an operator does not allow factors."""
    written = _parameters(node, readers)
    following = readers[node]
    if len(following) == 1 and following[0][0] is not None and following[0][0].name() == NORM:
        node = following[0][0]
        written = _parameters(node, readers)
    elif _is_transposed(node):
        return None
    read = list(_find_layers(node, readers))
    if written is None or not read or None in read:
        return None
    weights = [_parameters(layer, readers) for layer in read]
    if any(
        each is None or not _takes_factors(layer, each[0]) for layer, each in zip(read, weights, strict=True)
    ):
        return None
    return ChannelGroup(
        written,
        tuple(each[0] for each in weights if each is not None),
        tuple(numbers[layer] for layer in read),
    )


def _find_layers(node: Any, readers: Any) -> Iterator[Any]:
    """Yield the layers that read a result through homogeneous operators; None for any other reader."""
    for reader, position in readers[node]:
        if reader is None or position != 0:
            yield None
        elif reader.name() in HOMOGENEOUS:
            yield from _find_layers(reader, readers)
        else:
            yield reader if reader.name() == CONVOLUTION else None


def _is_transposed(node: Any) -> bool:
    return bool(node._saved_transposed)


def _takes_factors(node: Any, weights: Tensor) -> bool:
    groups = int(node._saved_groups)
    return not _is_transposed(node) and (
        groups == 1 or (has_depthwise_form(weights) and len(weights) == groups)
    )


def _parameters(node: Any, readers: Any) -> tuple[nn.Parameter, ...] | None:
    """Return the weights and the bias of a node; None if they are computed, or used elsewhere too."""
    parameters = []
    for source, _ in node.next_functions[1:]:
        if source is None:  # no bias
            continue
        if not hasattr(source, "variable") or len(readers[source]) != 1:
            return None
        parameters.append(source.variable)
    return tuple(parameters) or None


def has_depthwise_form(weights: Tensor) -> bool:
    """Return whether each channel of the result has the weights of one channel of the input."""
    return weights.shape[1] == 1
