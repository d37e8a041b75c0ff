"""The operators of a TFLite graph that stay in floating point in a quantized file.

The rules are those of ``float_layers``. In addition, no other operator between two float ones is
quantized: each change of the precision rounds all values, and takes time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from posedeploy.convert import float_layers
from posedeploy.convert.tflite.graph import DEPTHWISE, LAYERS, Graph, Operator

FLOAT_KINDS = frozenset(
    {
        "CUMSUM", "DIV", "EXP", "GELU", "L2_NORMALIZATION", "LOG_SOFTMAX", "MEAN", "PADV2", "POW", "RSQRT",
        "SOFTMAX", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SUM",
    }
)  # fmt: skip
"""Normalizations, sums over many values, operators of softmaxes, GELU, which XNNPACK runs only in floating
point, and PADV2, which pads with minus infinity for a maximum."""


def find_layers(graph: Graph) -> list[Operator]:
    """Return the layers of a graph, in its order."""
    return [operator for operator in graph.operators if operator.kind in LAYERS]


def find_sensitive_operators(graph: Graph) -> set[int]:
    """Return the indices of the operators that stay in floating point in every quantized network."""
    names = float_layers.find_sensitive_operators(graph.view)
    return {
        operator.index
        for operator in graph.operators
        if str(operator.index) in names
        or operator.kind in FLOAT_KINDS
        # XNNPACK multiplies two results only in floating point.
        or (operator.kind in LAYERS and not operator.is_weighted)
    }


def find_early_layers(graph: Graph) -> set[int]:
    """Return the indices of the layers that also stay in floating point in mixed precision."""
    return set(map(int, float_layers.find_early_layers(graph.view)))


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
