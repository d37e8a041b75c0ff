"""Equalize the ranges of channels between two layers of a TFLite graph (see ``channel_factors``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from posedeploy.convert.channel_factors import find_factors
from posedeploy.convert.tflite.graph import DEPTHWISE, Graph, Operator
from posedeploy.types import Array

OUTPUT_AXES: Mapping[str, int] = {"CONV_2D": 0, DEPTHWISE: 3}
"""The axis of the output channels in the weights, by the kind of the layer."""
SCALABLE = frozenset({"PAD", "RELU", "MAX_POOL_2D"})
"""Operators whose results are scaled as their inputs are, channel by channel."""
ACTIVATIONS = frozenset({schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU})
"""Fused activations with that property."""


@dataclass(frozen=True)
class Pair:
    """A layer and the depthwise convolution that alone reads its results. tensor: the results."""

    layer: Operator
    depthwise: Operator
    tensor: int


def find_pairs(graph: Graph) -> list[Pair]:
    """Return the layers of a graph whose channels can be scaled."""
    readers: dict[int, int] = {}
    for operator in graph.model.subgraphs[0].operators:
        for tensor in operator.inputs:
            readers[int(tensor)] = readers.get(int(tensor), 0) + 1
    pairs = []
    for layer in graph.operators:
        depthwise = _depthwise_after(graph, layer)
        if depthwise is None or layer.kind not in OUTPUT_AXES:
            continue
        weights = [*_weights(graph, layer), _weights(graph, depthwise)[0]]
        is_scalable = _options(graph, layer).fusedActivationFunction in ACTIVATIONS
        if is_scalable and all(graph.is_constant(each) and readers[each] == 1 for each in weights):
            pairs.append(Pair(layer, depthwise, layer.outputs[0]))
    return pairs


def equalize(graph: Graph, pairs: list[Pair], largest: Mapping[int, Array]) -> None:
    """Scale the channels between the layers of each pair, in place.

    Args:
        largest: the largest absolute value of each channel, by the tensor of the pair.
    """
    for pair in pairs:
        factors = find_factors(largest[pair.tensor])
        if factors is None:
            continue
        kernel, *bias = _weights(graph, pair.layer)
        axis = OUTPUT_AXES[pair.layer.kind]
        _scale(graph, kernel, np.expand_dims(1 / factors, tuple({0, 1, 2, 3} - {axis})))
        for each in bias:
            _scale(graph, each, 1 / factors)
        _scale(graph, _weights(graph, pair.depthwise)[0], factors)


def _depthwise_after(graph: Graph, layer: Operator) -> Operator | None:
    """Return the depthwise convolution that alone reads the results of a layer, one filter per channel."""
    reader = _only_reader(graph, layer)
    while reader is not None and reader.kind in SCALABLE:
        reader = _only_reader(graph, reader)
    if reader is None or reader.kind != DEPTHWISE or _options(graph, reader).depthMultiplier != 1:
        return None
    return reader


def _only_reader(graph: Graph, operator: Operator) -> Operator | None:
    """Return the only operator that reads the results of this one; None if the network returns them."""
    if len(operator.outputs) != 1 or operator.outputs[0] in graph.outputs:
        return None
    readers = graph.consumers.get(operator.outputs[0], ())
    return readers[0] if len(readers) == 1 else None


def _options(graph: Graph, operator: Operator) -> schema.Conv2DOptionsT | schema.DepthwiseConv2DOptionsT:
    return graph.model.subgraphs[0].operators[operator.index].builtinOptions


def _weights(graph: Graph, layer: Operator) -> list[int]:
    """Return the tensors of the kernel and, if there is one, the bias."""
    return [
        int(tensor) for tensor in graph.model.subgraphs[0].operators[layer.index].inputs[1:] if tensor >= 0
    ]


def _scale(graph: Graph, tensor: int, factors: Array) -> None:
    """Multiply a constant; other tensors that share its buffer keep their values."""
    details, buffers = graph.tensors[tensor], graph.model.buffers
    values = np.frombuffer(bytes(buffers[details.buffer].data), np.float32).reshape(details.shape)
    scaled = np.frombuffer((values * factors).astype(np.float32).tobytes(), np.uint8)
    if sum(each.buffer == details.buffer for each in graph.tensors) > 1:
        buffers.append(schema.BufferT(data=scaled))
        details.buffer = len(buffers) - 1
    else:
        buffers[details.buffer].data = scaled
