"""Keep layers in floating point in ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx

QUANTIZED_BY_RUNTIME = frozenset({"Conv", "ConvTranspose", "Gemm"})


def guard_float_layers(model: onnx.ModelProto) -> None:
    """Insert a ``Clip`` that changes no value before each float layer that reads a dequantized value.

    ONNX Runtime (1.31 too) rounds the weights of such a layer to INT8 when it loads the file, with one scale
    for the whole tensor, and computes it in INT8 if its result is quantized.
    """
    producers = {name: node for node in model.graph.node for name in node.output}
    initializers = {value.name for value in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        source = producers.get(node.input[0]) if node.input else None
        is_float = node.op_type in QUANTIZED_BY_RUNTIME and node.input[1] in initializers
        if is_float and source is not None and source.op_type == "DequantizeLinear":
            nodes += _clip(model, node)
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _clip(model: onnx.ModelProto, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Connect a layer to a ``Clip`` of its input to all finite numbers."""
    limit = f"{node.name}_lowest"
    lowest = np.array(np.finfo(np.float32).min, np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(lowest, limit))
    clip = onnx.helper.make_node(
        "Clip", [node.input[0], limit], [f"{node.name}_clipped"], f"{node.name}_clip"
    )
    node.input[0] = clip.output[0]
    return [clip]
