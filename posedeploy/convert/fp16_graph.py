"""An ONNX graph in float32 becomes one in float16, but where that matters, by ONNX Runtime's converter."""

from __future__ import annotations

import onnx
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

SUMS = (
    "Exp", "Softmax", "LogSoftmax", "ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare",
    "ReduceLogSumExp", "LayerNormalization", "InstanceNormalization", "GroupNormalization",
    "GlobalAveragePool", "CumSum",
)  # fmt: skip
"""Operators that take exponents or add many numbers up: a sum of 65520 is beyond float16. Of convolutions and
matrix products only what comes out is rounded."""
_MOVES = {"Mul", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather", "Concat"}
KEPT = {"Softmax": _MOVES, "Exp": {*_MOVES, "MatMul", "ReduceSum"}}
"""What passes on that its input is to stay in float32, by where that begins. Rounded to 11 bits, the many
small parts of a softmax no longer add up to 1; and where a network takes exponents itself, products with a
volume's cells are sums over it, which only a division at the end makes small."""


def in_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a float32 graph that computes in float16; its inputs and outputs stay as they were."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    kept = [name for begins, passing in KEPT.items() for name in _after(copied.graph, begins, passing)]
    half = convert_float_to_float16(
        copied, keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, *SUMS], node_block_list=kept
    )
    _mend_casts(half.graph)
    del half.graph.value_info[:]  # some of it is of before
    ordered = OnnxModel(half)
    ordered.topological_sort(is_deterministic=True)
    made: onnx.ModelProto = ordered.model
    return made


def _after(graph: onnx.GraphProto, begins: str, passing: set[str]) -> list[str]:
    """The nodes that read what an operator gives, or what one that passes it on makes of that."""
    kept = {node.output[0] for node in graph.node if node.op_type == begins}
    names = []
    for node in graph.node:  # in order, so that what a node reads has been seen
        if kept.isdisjoint(node.input):
            continue
        names.append(node.name)
        if node.op_type in passing:
            kept.update(node.output)
    return names


def _mend_casts(graph: onnx.GraphProto) -> None:
    """Between two nodes in float32 the converter rounds to float16 and back, and where two nodes want one
    cast it makes the same one twice: both are undone."""
    down = {node.output[0]: node.input[0] for node in graph.node if node.name.endswith("_cast_to_fp16_node")}
    ups = [node for node in graph.node if node.name.endswith("_cast_to_fp32_node")]
    unrounded = {node.output[0]: down[node.input[0]] for node in ups if node.input[0] in down}
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = unrounded.get(name, name)
    nodes = [node for node in graph.node if node.output[0] not in unrounded]
    read = {name for node in nodes for name in node.input} | {output.name for output in graph.output}
    del graph.node[:]
    written: set[str] = set()
    for node in nodes:
        if node.op_type != "Cast" or (node.output[0] in read and node.output[0] not in written):
            graph.node.append(node)
        written.update(node.output)
