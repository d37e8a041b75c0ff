"""GELU, written so that runtimes know it.

Before opset 20 ONNX has no GELU, and PyTorch's exporter writes x (0.5 (1 + erf(x / √2))). ONNX Runtime makes
one operator of (0.5 x) (1 + erf(x / √2)), which is the same bit for bit: 0.5 only moves the exponent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import onnx
from onnx import numpy_helper


def regroup(model: onnx.ModelProto) -> None:
    """Let 0.5 multiply x in every GELU of the graph, in place; all nodes stay, with their notes."""
    graph = model.graph
    maker = {name: node for node in graph.node for name in node.output}
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(value.name for value in graph.output)
    halves = {tensor.name for tensor in graph.initializer if _is_half(tensor)}
    for node in graph.node:
        for place, name in enumerate(node.input if node.op_type == "Mul" else ()):
            inner = maker.get(name)
            if inner is None or inner.op_type != "Mul" or uses[name] != 1:
                continue
            error = _error(inner, halves, maker)
            if error is not None and uses[inner.input[error]] == 1:
                x = node.input[1 - place]
                node.input[1 - place], inner.input[error] = inner.input[error], x
                break


def _is_half(tensor: onnx.TensorProto) -> bool:
    values = numpy_helper.to_array(tensor) if not any(length != 1 for length in tensor.dims) else None
    return values is not None and bool((values == 0.5).all())


def _error(inner: onnx.NodeProto, halves: set[str], maker: Mapping[str, onnx.NodeProto]) -> int | None:
    """Which input of 0.5 (1 + erf) is the sum; None where it is another product."""
    for index, name in enumerate(inner.input):
        made = maker.get(name)
        if inner.input[1 - index] in halves and made is not None and made.op_type == "Add":
            makers = [maker[part].op_type for part in made.input if part in maker]
            return index if makers == ["Erf"] else None
    return None
