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
    "Sqrt", "Divide", "SquaredDifference", "CumSum", "LSTMSequence", "LSTMCell", "GRUSequence", "GRUCell",
    "RNNSequence", "RNNCell",
)  # fmt: skip
"""Normalizations, sums over many values, operators of softmaxes, and recurrent layers, which OpenVINO cannot
compile if only some of them are in INT8."""
MOVES = frozenset(
    {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Concat", "Split", "VariadicSplit", "Slice"}
)
"""Operators that only move values."""
SUMS = frozenset({"ReduceSum", "ReduceMean"})
"""Operators that sum the results of a softmax along an axis."""


def find_sensitive_operators(model: Any) -> set[str]:
    """Return the names of the operators that stay in floating point in every quantized network."""
    expectations = _find_expectations(model)
    return expectations.union(_last_layers(model, expectations), _inputs_until_layers(model))


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
    expectations = _find_expectations(model)
    return any(
        node.get_type_name() == "MatMul" and not any(is_constant(source) for source in _sources(node))
        for node in _layers(model)
        if node.get_friendly_name() in expectations
    )


def _layers(model: Any) -> Iterator[Any]:
    return (node for node in model.get_ordered_ops() if node.get_type_name() in LAYERS)


def _sources(node: Any) -> list[Any]:
    return [value.get_node() for value in node.input_values()]


def is_constant(node: Any) -> bool:
    """Return whether a node is a constant, or consists of reshaped, joined or converted constants."""
    if node.get_type_name() in {"Convert", *MOVES}:
        return all(map(is_constant, _sources(node)))
    return bool(node.get_type_name() == "Constant")


def _find_expectations(model: Any) -> set[str]:
    """Return the names of the operators that compute with the results of a softmax: layers, such as those of
    attention, and the products and sums of an expectation."""
    probabilities, weighted, names = set[str](), set[str](), set[str]()
    for node in model.get_ordered_ops():
        name, kind, sources = node.get_friendly_name(), node.get_type_name(), _names(_sources(node))
        reads_probabilities = bool(sources & probabilities)
        if kind == "Softmax" or (reads_probabilities and kind in MOVES | SUMS):
            probabilities.add(name)
        elif sources & (probabilities | weighted) and kind in MOVES | {"Multiply"}:
            weighted.add(name)
        if reads_probabilities or (sources & weighted and kind not in LAYERS):
            names.add(name)
    return names


def _last_layers(model: Any, expectations: set[str]) -> Iterator[str]:
    """Yield the layers with a path to an output without another layer, and the operators on these paths."""
    pending, seen = [result for result in model.get_results()], set()
    while pending:
        node = pending.pop()
        name = node.get_friendly_name()
        if name in seen or node.get_type_name() in ("Constant", "Parameter"):
            continue
        seen.add(name)
        yield name
        if node.get_type_name() not in LAYERS or name in expectations:
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
