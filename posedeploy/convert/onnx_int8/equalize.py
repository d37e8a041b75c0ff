"""Equalize the ranges of channels between two layers of an ONNX graph (see ``channel_factors``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from posedeploy.convert.channel_factors import find_factors
from posedeploy.convert.onnx_int8.graph import Graph
from posedeploy.types import Array

HOMOGENEOUS = frozenset({"Relu", "LeakyRelu", "PRelu"})
"""Activations for which ``f(x / s) = f(x) / s`` if ``s > 0``."""


@dataclass(frozen=True)
class Pair:
    """A convolution, the depthwise convolution that alone reads it, and the tensors between them."""

    layer: onnx.NodeProto
    depthwise: onnx.NodeProto
    tensors: tuple[str, ...]


def find_pairs(graph: Graph) -> list[Pair]:
    """Return the pairs of convolutions whose channels can be scaled between them, in graph order."""
    pairs = []
    for node in graph.model.graph.node:
        if node.op_type == "Conv" and graph.has_weights(node) and _owns_weights(graph, node):
            reader, tensors = _reader(graph, node)
            if reader is not None and graph.is_depthwise(reader) and _keeps_channels(graph, reader):
                pairs.append(Pair(node, reader, tuple(tensors)))
    return pairs


def equalize(graph: Graph, pairs: list[Pair], largest: Mapping[str, Array]) -> dict[str, Array]:
    """Scale the channels between the layers of each pair, in place, so that each has the same range.

    Args:
        largest: the largest absolute value of each channel of each pair's last tensor.

    Returns:
        The factors by which the values of the tensors became smaller, for each channel, by the tensor's name.
    """
    factors = {}
    for pair in pairs:
        scale = find_factors(largest[pair.tensors[-1]])
        if scale is None:
            continue
        scale = scale.astype(np.float32)
        for name in filter(None, pair.layer.input[1:]):
            array = graph.array(name)
            graph.replace(name, array / scale.reshape(-1, *[1] * (array.ndim - 1)))
        weights = graph.array(pair.depthwise.input[1])
        graph.replace(pair.depthwise.input[1], weights * scale.reshape(-1, *[1] * (weights.ndim - 1)))
        factors.update(dict.fromkeys(pair.tensors, scale))
    return factors


def _reader(graph: Graph, node: onnx.NodeProto) -> tuple[onnx.NodeProto | None, list[str]]:
    """Return the only reader of a layer's result after activations, and the tensors in between."""
    tensors = []
    while True:
        name = node.output[0]
        tensors.append(name)
        readers = graph.consumers[name]
        if name in graph.outputs or len(readers) != 1:
            return None, tensors
        node = readers[0]
        if node.op_type not in HOMOGENEOUS:
            return node, tensors


def _owns_weights(graph: Graph, node: onnx.NodeProto) -> bool:
    """Return whether no other layer uses the weights and the bias, as those of a module applied twice."""
    return all(len(graph.consumers[name]) == 1 for name in filter(None, node.input[1:]))


def _keeps_channels(graph: Graph, depthwise: onnx.NodeProto) -> bool:
    """Return whether a depthwise convolution computes one channel from each, with weights of its own."""
    group = next(item.i for item in depthwise.attribute if item.name == "group")
    weights = graph.initializers[depthwise.input[1]]
    return bool(weights.dims[0] == group and len(graph.consumers[weights.name]) == 1)
