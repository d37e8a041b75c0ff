"""The operators of a TFLite graph that stay in floating point in a quantized file.

The rules are those of ``float_layers`` for OpenVINO. In addition, no other operator between two float ones is
quantized: each change of the precision rounds all values, and takes time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from posedeploy.convert.layer_choice import EARLY_LAYERS_DIVISOR
from posedeploy.convert.tflite.graph import DEPTHWISE, LAYERS, Graph, Operator

FLOAT_KINDS = frozenset(
    {
        "CUMSUM", "DIV", "EXP", "GELU", "L2_NORMALIZATION", "LOG_SOFTMAX", "MEAN", "PADV2", "POW", "RSQRT",
        "SOFTMAX", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SUM",
    }
)  # fmt: skip
"""Normalizations, sums over many values, operators of softmaxes, GELU, which XNNPACK runs only in floating
point, and PADV2, which pads with minus infinity for a maximum."""
MOVES = frozenset(
    {
        "CONCATENATION", "EXPAND_DIMS", "RESHAPE", "SLICE", "SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE",
        "TRANSPOSE",
    }
)  # fmt: skip
"""Operators that only move values."""


def find_layers(graph: Graph) -> list[Operator]:
    """Return the layers of a graph, in its order."""
    return [operator for operator in graph.operators if operator.kind in LAYERS]


def find_sensitive_operators(graph: Graph) -> set[int]:
    """Return the indices of the operators that stay in floating point in every quantized network."""
    indices = {operator.index for operator in graph.operators if operator.kind in FLOAT_KINDS}
    indices.update(_until_last_layers(graph))
    indices.update(_until_first_layers(graph))
    return indices | {
        layer.index
        for layer in find_layers(graph)
        # XNNPACK multiplies two results only in floating point.
        if not layer.is_weighted or _reads_softmax(graph, layer)
    }


def find_early_layers(graph: Graph) -> set[int]:
    """Return the indices of the layers that also stay in floating point in mixed precision."""
    layers = find_layers(graph)
    return {layer.index for layer in layers[: len(layers) // EARLY_LAYERS_DIVISOR]}


def find_depthwise_layers(graph: Graph) -> set[int]:
    """Return the indices of the depthwise layers."""
    return {layer.index for layer in find_layers(graph) if layer.kind == DEPTHWISE}


def extend_between(
    graph: Graph, chosen: Collection[int], is_supported: Callable[[Operator], bool]
) -> set[int]:
    """Return the indices of all operators in floating point, for the chosen ones.

    An operator without weights joins them if the quantizer does not support it, if one of its inputs comes
    from a float operator, or if only float operators read its results.
    """
    float_ones = {
        operator.index
        for operator in graph.operators
        if operator.index in chosen or not is_supported(operator)
    }
    for operator in graph.operators:
        if operator.kind not in LAYERS and float_ones & {each.index for each in graph.sources(operator)}:
            float_ones.add(operator.index)
    for operator in reversed(graph.operators):
        readers = [reader for tensor in operator.outputs for reader in graph.consumers.get(tensor, ())]
        if operator.kind not in LAYERS and all(reader.index in float_ones for reader in readers):
            float_ones.add(operator.index)
    return float_ones


def _until_last_layers(graph: Graph) -> set[int]:
    """Return the layers with a path to an output without another layer, and the operators on these paths."""
    pending = [graph.producers[tensor] for tensor in graph.outputs if tensor in graph.producers]
    seen: set[int] = set()
    while pending:
        operator = pending.pop()
        if operator.index in seen:
            continue
        seen.add(operator.index)
        if operator.kind not in LAYERS or _reads_softmax(graph, operator):
            pending += graph.sources(operator)
    return seen


def _until_first_layers(graph: Graph) -> Iterator[int]:
    """Yield the operators between the inputs and the first layers, such as embedded preprocessing."""
    after_layers: set[int] = set()
    for operator in graph.operators:
        sources = {source.index for source in graph.sources(operator)}
        if operator.kind in LAYERS or sources & after_layers:
            after_layers.add(operator.index)
        else:
            yield operator.index


def _reads_softmax(graph: Graph, layer: Operator) -> bool:
    """Return whether a layer reads a softmax: in attention, or to compute an expectation."""
    return any(_origin(graph, source).kind == "SOFTMAX" for source in graph.sources(layer))


def _origin(graph: Graph, operator: Operator) -> Operator:
    while operator.kind in MOVES and (sources := graph.sources(operator)):
        operator = sources[0]
    return operator
