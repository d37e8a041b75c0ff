"""The nodes of an ONNX graph that are computed in INT8: layers, and the operators between them."""

from __future__ import annotations

from collections.abc import Collection

import onnx

from posedeploy.convert import float_layers
from posedeploy.convert.onnx_int8.graph import Graph

BETWEEN = {
    "Add", "Concat", "Relu", "Clip", "LeakyRelu", "MaxPool", "AveragePool", "Resize", "Reshape", "Transpose",
    "Flatten", "Squeeze", "Unsqueeze",
}  # fmt: skip
"""Operators that ONNX Runtime computes in INT8, if the values that they read are in INT8. Of ``Clip``, those
that ``Graph.is_fused`` selects."""


JOINS = frozenset({"Add", "Concat"})
"""Those that read several values. The others read one, and perhaps a shape."""


def find_layers(graph: Graph, precision: str) -> list[onnx.NodeProto]:
    """Return the layers that a quantized network computes in INT8, in graph order.

    The sensitive layers stay in floating point, and those that ONNX Runtime computes in floating point only:
    transposed convolutions, and matrix products of two activations. So do the first layers: the values of an
    image fill the whole range, and on CPUs without VNNI, sums of two large products saturate.

    Args:
        precision: ``int8``; or ``mixed``, which also keeps early layers in floating point. Depthwise layers
            between equalized channels lose little in INT8, and conversions before and after them cost time.
    """
    names = float_layers.find_sensitive_operators(graph.operators)
    names |= float_layers.find_first_layers(graph.operators)
    if precision == "mixed":
        names |= float_layers.find_early_layers(graph.operators)
    return [node for node in graph.model.graph.node if graph.has_weights(node) and node.name not in names]


def find_between(graph: Graph, layers: Collection[str]) -> set[str]:
    """Return the names of the other nodes in INT8: those that read only results in INT8, and whose result a
    node in INT8 reads. Activations that merge into a layer need no reader.

    Args:
        layers: the names of the layers in INT8.
    """
    nodes = {
        node.name: node
        for node in graph.model.graph.node
        if node.op_type in BETWEEN and (node.op_type != "Clip" or graph.is_fused(node))
    }
    while True:
        int8 = {*layers, *nodes}
        wrong = [
            name
            for name, node in nodes.items()
            if not _reads_int8(graph, node, int8) or not _is_read_in_int8(graph, node, int8)
        ]
        if not wrong:
            return set(nodes)
        for name in wrong:
            del nodes[name]


def tensors_of(graph: Graph, node: onnx.NodeProto) -> set[str]:
    """Return the tensors that a node in INT8 reads and writes, without its weights and its shape."""
    return {*_read_tensors(graph, node), node.output[0]}


def _read_tensors(graph: Graph, node: onnx.NodeProto) -> list[str]:
    names = node.input if node.op_type in JOINS else node.input[:1]
    return [name for name in names if name not in graph.initializers]


def _reads_int8(graph: Graph, node: onnx.NodeProto, int8: set[str]) -> bool:
    names = _read_tensors(graph, node)
    return bool(names) and all(
        name in graph.producers and graph.producers[name].name in int8 for name in names
    )


def _is_read_in_int8(graph: Graph, node: onnx.NodeProto, int8: set[str]) -> bool:
    if graph.is_fused(node):
        return True
    return any(reader.name in int8 for name in node.output for reader in graph.consumers[name])
