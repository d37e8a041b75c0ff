"""Convert an ONNX graph from FP32 to FP16 with ONNX Runtime's converter; sensitive operators stay FP32."""

from __future__ import annotations

import onnx
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from posedeploy.onnxruntime_defects import moves_first_axis

EXTREME = frozenset(
    {
        "Pow", "Reciprocal", "ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd",
        "ReduceLogSumExp", "CumSum",
    }
)  # fmt: skip
"""Operators whose results FP16 often cannot represent: it overflows at 65520, and loses numbers below 6e-8. A
``Mul`` of a value with itself is another one. As in ``ReducedPrecision``, all operators on the results stay
FP32 until the next layer with weights."""
FP32_OPERATORS = (
    *sorted(EXTREME), "Exp", "Softplus", "Softmax", "LogSoftmax", "ReduceMean", "LayerNormalization",
    "InstanceNormalization", "GroupNormalization", "GlobalAveragePool",
)  # fmt: skip
"""Operators that exponentiate or add many numbers. Convolutions and matrix products round only their
result."""
LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
WITHOUT_FLOATS = frozenset(
    {"Shape", "Size", "Cast", "ArgMax", "ArgMin", "NonZero", "Equal", "Greater", "GreaterOrEqual", "Less",
     "LessOrEqual", "IsNaN", "IsInf"}
)  # fmt: skip
"""Operators with integer or boolean results."""
_MOVES = {"Mul", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather", "Concat"}
FP32_CHAINS = {"Softmax": _MOVES, "Exp": {*_MOVES, "MatMul", "ReduceSum"}}
"""For each operator, those that stay FP32 after it, directly or through each other. Rounded to 11 bits, the
small values of a softmax no longer add up to 1. If a network computes a softmax from exponents itself, matrix
products sum them over a volume, and only the division at the end makes the result small."""


def convert_to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return an FP16 copy of an FP32 graph. Inputs and outputs stay FP32."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    fp32_nodes = [
        name for start, chain in FP32_CHAINS.items() for name in _nodes_after(copied.graph, start, chain)
    ]
    fp32_nodes += _find_extreme_results(copied.graph) + _find_crashing_transposes(copied.graph)
    half = convert_float_to_float16(
        copied,
        keep_io_types=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, *FP32_OPERATORS],
        node_block_list=fp32_nodes,
    )
    _remove_redundant_casts(half.graph)
    del half.graph.value_info[:]  # some entries still describe FP32
    ordered = OnnxModel(half)
    ordered.topological_sort(is_deterministic=True)
    result: onnx.ModelProto = ordered.model
    return result


def _nodes_after(graph: onnx.GraphProto, start: str, chain: set[str]) -> list[str]:
    """Return the nodes that read an output of ``start``, directly or through ``chain`` operators."""
    fp32 = {node.output[0] for node in graph.node if node.op_type == start}
    names = []
    for node in graph.node:  # in topological order
        if fp32.isdisjoint(node.input):
            continue
        names.append(node.name)
        if node.op_type in chain:
            fp32.update(node.output)
    return names


def _find_extreme_results(graph: onnx.GraphProto) -> list[str]:
    """Return the nodes that write such results or read them, up to the next layers with weights."""
    weights = {value.name for value in graph.initializer}
    results: set[str] = set()
    names = []
    for node in graph.node:  # in topological order
        is_square = node.op_type == "Mul" and node.input[0] == node.input[1]
        if not (node.op_type in EXTREME or is_square or results.intersection(node.input)):
            continue
        if node.op_type in LAYERS and weights.intersection(node.input):
            continue
        names.append(node.name)
        if node.op_type not in WITHOUT_FLOATS:
            results.update(node.output)
    return names


def _find_crashing_transposes(graph: onnx.GraphProto) -> list[str]:
    """Return the transpositions before matrix products on which ONNX Runtime crashes in FP16."""
    products = {name for node in graph.node if node.op_type == "MatMul" for name in node.input}
    return [
        node.name
        for node in graph.node
        if node.op_type == "Transpose" and node.output[0] in products
        for attribute in node.attribute
        if attribute.name == "perm" and moves_first_axis(attribute.ints)
    ]


def _remove_redundant_casts(graph: onnx.GraphProto) -> None:
    """Remove casts from FP32 to FP16 and back between two FP32 nodes, and duplicates of the same cast."""
    to_fp16 = {
        node.output[0]: node.input[0] for node in graph.node if node.name.endswith("_cast_to_fp16_node")
    }
    to_fp32 = [node for node in graph.node if node.name.endswith("_cast_to_fp32_node")]
    originals = {node.output[0]: to_fp16[node.input[0]] for node in to_fp32 if node.input[0] in to_fp16}
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = originals.get(name, name)
    nodes = [node for node in graph.node if node.output[0] not in originals]
    read = {name for node in nodes for name in node.input} | {output.name for output in graph.output}
    del graph.node[:]
    written: set[str] = set()
    for node in nodes:
        if node.op_type != "Cast" or (node.output[0] in read and node.output[0] not in written):
            graph.node.append(node)
        written.update(node.output)
