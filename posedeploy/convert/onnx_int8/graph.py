"""An ONNX graph with lookups, in the form that the rules of ``float_layers`` read."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

import numpy as np
import onnx

from posedeploy.convert.graph_view import GraphView, OperatorView
from posedeploy.types import Array

TYPES = {
    "Conv": "Convolution", "ConvTranspose": "ConvolutionBackpropData", "Gemm": "MatMul", "Cast": "Convert",
    "Flatten": "Reshape", "InstanceNormalization": "MVN", "LayerNormalization": "MVN",
    "GroupNormalization": "MVN", "LogSoftmax": "Softmax", "LpNormalization": "NormalizeL2", "Mul": "Multiply",
}  # fmt: skip
"""OpenVINO's types of operators, by those of ONNX; the others have the same name or none that matters."""
LAYERS = ("Conv", "Gemm", "MatMul")
"""The layers that ONNX Runtime computes in INT8 on the CPU."""


class Graph:
    """Lookups in an FP32 ONNX graph with unique names of nodes, and its initializers as arrays."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.outputs = {value.name for value in model.graph.output}
        self.initializers = {value.name: value for value in model.graph.initializer}
        self.producers = {name: node for node in model.graph.node for name in node.output if name}
        self.consumers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in model.graph.node:
            for name in node.input:
                self.consumers[name].append(node)

    def array(self, name: str) -> Array:
        """Return an initializer."""
        array: Array = onnx.numpy_helper.to_array(self.initializers[name])
        return array

    def replace(self, name: str, array: Array) -> None:
        """Replace the values of an initializer."""
        self.initializers[name].CopyFrom(onnx.numpy_helper.from_array(array, name))

    def is_depthwise(self, node: onnx.NodeProto) -> bool:
        """Return whether a convolution computes each channel from one channel of its input."""
        weights = self.initializers.get(node.input[1]) if node.op_type == "Conv" else None
        return weights is not None and weights.dims[1] == 1 and _groups(node) > 1

    def is_fused(self, node: onnx.NodeProto) -> bool:
        """Return whether quantization replaces an activation by the range of its result. Every range contains
        zero, so none can express the limits of a divisor."""
        if node.op_type != "Clip":
            return node.op_type == "Relu"
        limits = [name for name in node.input[1:] if name]
        if not all(name in self.initializers for name in limits):
            return False
        low, high = (*node.input[1:], "", "")[:2]
        return (not low or bool(self.array(low) <= 0)) and (not high or bool(self.array(high) >= 0))

    def has_weights(self, node: onnx.NodeProto) -> bool:
        """Return whether a node is a layer that ONNX Runtime can compute in INT8: its weights and bias are
        initializers in FP32."""
        constants = [name in self.initializers for name in node.input if name]
        if node.op_type not in LAYERS or constants[0] or not all(constants[1:]):
            return False
        weights = self.initializers[node.input[1]]
        if node.op_type == "Gemm" and not _is_plain(node):
            return False
        has_form = node.op_type == "Conv" or len(weights.dims) == 2
        return has_form and bool(weights.data_type == onnx.TensorProto.FLOAT)

    @cached_property
    def operators(self) -> GraphView:
        """The graph as the rules of ``float_layers`` read it."""
        return _view(self)


def _view(graph: Graph) -> GraphView:
    constants = {name: OperatorView(name, "Constant") for name in graph.initializers}
    inputs = {value.name: OperatorView(value.name, "Parameter") for value in graph.model.graph.input}
    values = inputs | constants
    ordered = []
    for node in graph.model.graph.node:
        kind = "GroupConvolution" if graph.is_depthwise(node) else TYPES.get(node.op_type, node.op_type)
        view = OperatorView(node.name, kind, [values[name] for name in node.input if name])
        values.update(dict.fromkeys(node.output, view))
        ordered.append(view)
    return GraphView(
        ordered, [OperatorView(name, "Result", [values[name]]) for name in sorted(graph.outputs)]
    )


def is_transposed(node: onnx.NodeProto) -> bool:
    """Return whether the weights of a matrix product have the output channels first."""
    return any(item.name == "transB" and item.i for item in node.attribute)


def _groups(node: onnx.NodeProto) -> int:
    return int(next((item.i for item in node.attribute if item.name == "group"), 1))


def _is_plain(node: onnx.NodeProto) -> bool:
    """Return whether a Gemm adds its bias to the product as it is."""
    values = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    return not values.get("transA", 0) and bool(
        np.isclose([values.get("alpha", 1.0), values.get("beta", 1.0)], 1).all()
    )
