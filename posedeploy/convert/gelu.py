"""Regroup GELU so that runtimes recognize it.

ONNX has no GELU before opset 20, and PyTorch's exporter writes x (0.5 (1 + erf(x / √2))). ONNX Runtime fuses
(0.5 x) (1 + erf(x / √2)) into one operator. The result is bitwise equal, since 0.5 only changes the exponent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import onnx
from onnx import numpy_helper


def regroup_gelu(model: onnx.ModelProto) -> None:
    """Multiply x instead of the sum by 0.5 in every GELU of the graph, in place; all nodes and metadata
    stay."""
    graph = model.graph
    producers = {name: node for node in graph.node for name in node.output}
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(value.name for value in graph.output)
    halves = {tensor.name for tensor in graph.initializer if _is_half(tensor)}
    for node in graph.node:
        for place, name in enumerate(node.input if node.op_type == "Mul" else ()):
            inner = producers.get(name)
            index = None if inner is None else _sum_index(inner, halves, producers)
            if inner is not None and index is not None and uses[name] == uses[inner.input[index]] == 1:
                x = node.input[1 - place]
                node.input[1 - place], inner.input[index] = inner.input[index], x
                break


def _is_half(tensor: onnx.TensorProto) -> bool:
    values = numpy_helper.to_array(tensor) if not any(length != 1 for length in tensor.dims) else None
    return values is not None and bool((values == 0.5).all())


def _sum_index(
    product: onnx.NodeProto, halves: set[str], producers: Mapping[str, onnx.NodeProto]
) -> int | None:
    """Return which input of 0.5 (1 + erf) is the sum; None for any other node."""
    if product.op_type != "Mul":
        return None
    for index, name in enumerate(product.input):
        if product.input[1 - index] in halves and name in producers and producers[name].op_type == "Add":
            addends = [producers[part].op_type for part in producers[name].input if part in producers]
            return index if addends == ["Erf"] else None
    return None
