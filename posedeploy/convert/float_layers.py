"""The operators of an OpenVINO graph, or of a graph with the same methods, that stay in floating point in a
quantized file.

Patterns in the graph select them, whatever the network is: layers whose results are outputs, expectations of
a softmax, normalizations, and preprocessing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from posedeploy.convert.layer_choice import EARLY_LAYERS_DIVISOR

DEPTHWISE = ("GroupConvolution", "GroupConvolutionBackpropData")
LAYERS = ("Convolution", "ConvolutionBackpropData", "MatMul", *DEPTHWISE)
"""The operators with weights."""
FLOAT_TYPES = (
    "MVN", "NormalizeL2", "ReduceL1", "ReduceL2", "ReduceMean", "ReduceSum", "Softmax", "Exp", "Power",
    "Sqrt", "Divide", "SquaredDifference", "CumSum",
)  # fmt: skip
"""Normalizations, sums over many values, and operators of softmaxes."""
MOVES = frozenset(
    {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Concat", "Split", "VariadicSplit", "Slice"}
)
"""Operators that only move values."""


def find_sensitive_operators(model: Any) -> set[str]:
    """Return the names of the operators that stay in floating point in every quantized network."""
    names = set(_last_layers(model))
    names.update(_inputs_until_layers(model))
    names.update(node.get_friendly_name() for node in _layers(model) if _reads_softmax(node))
    return names


def find_early_and_depthwise_layers(model: Any) -> set[str]:
    """Return the names of the layers that also stay in floating point in mixed precision: the first quarter
    of all layers in graph order, and every depthwise layer."""
    depthwise = (node for node in _layers(model) if node.get_type_name() in DEPTHWISE)
    return find_early_layers(model) | {node.get_friendly_name() for node in depthwise}


def find_early_layers(model: Any) -> set[str]:
    """Return the names of the first quarter of all layers in graph order."""
    layers = list(_layers(model))
    return {node.get_friendly_name() for node in layers[: len(layers) // EARLY_LAYERS_DIVISOR]}


def find_first_layers(model: Any) -> set[str]:
    """Return the names of the layers that read inputs and no result of another layer."""
    return {node.get_friendly_name() for node in _until_layers(model) if node.get_type_name() in LAYERS}


def find_layers(model: Any) -> set[str]:
    """Return the names of all layers with weights."""
    return {node.get_friendly_name() for node in _layers(model)}


def has_attention(model: Any) -> bool:
    """Return whether a matrix product reads a softmax and another result, as in attention."""
    return any(
        _reads_softmax(node) and not any(is_constant(source) for source in _sources(node))
        for node in _layers(model)
    )


def _layers(model: Any) -> Iterator[Any]:
    return (node for node in model.get_ordered_ops() if node.get_type_name() in LAYERS)


def _sources(node: Any) -> list[Any]:
    return [value.get_node() for value in node.input_values()]


def is_constant(node: Any) -> bool:
    """Return whether a node is a constant, or a reshaped or converted constant."""
    while node.get_type_name() in {"Convert", *MOVES}:
        node = _sources(node)[0]
    return bool(node.get_type_name() == "Constant")


def _reads_softmax(node: Any) -> bool:
    """Return whether a matrix product reads a softmax: in attention, or to compute an expectation."""
    if node.get_type_name() != "MatMul":
        return False
    return any(_origin(source).get_type_name() == "Softmax" for source in _sources(node))


def _origin(node: Any) -> Any:
    while node.get_type_name() in MOVES:
        node = _sources(node)[0]
    return node


def _last_layers(model: Any) -> Iterator[str]:
    """Yield the layers with a path to an output without another layer, and the operators on these paths."""
    pending, seen = [result for result in model.get_results()], set()
    while pending:
        node = pending.pop()
        name = node.get_friendly_name()
        if name in seen or node.get_type_name() in ("Constant", "Parameter"):
            continue
        seen.add(name)
        yield name
        if node.get_type_name() not in LAYERS or _reads_softmax(node):
            pending += _sources(node)


def _inputs_until_layers(model: Any) -> Iterator[str]:
    """Yield the operators between the inputs and the first layers, such as embedded preprocessing."""
    return (node.get_friendly_name() for node in _until_layers(model) if node.get_type_name() not in LAYERS)


def _until_layers(model: Any) -> Iterator[Any]:
    """Yield the operators that no layer comes before, the first layers included."""
    after_layers: set[str] = set()
    for node in model.get_ordered_ops():
        is_after = bool(_names(_sources(node)) & after_layers)
        if is_after or node.get_type_name() in LAYERS:
            after_layers.add(node.get_friendly_name())
        if not is_after and node.get_type_name() not in ("Constant", "Parameter", "Result"):
            yield node


def _names(nodes: Iterable[Any]) -> set[str]:
    return {node.get_friendly_name() for node in nodes}
