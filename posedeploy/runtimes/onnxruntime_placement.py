"""Which nodes of an ONNX graph a session runs on the CPU although another device was asked for."""

from __future__ import annotations

from typing import Any

import onnxruntime

SHAPE_ARITHMETIC = frozenset(
    (
        "Add", "And", "Cast", "Ceil", "Concat", "Constant", "ConstantOfShape", "Div", "Equal",
        "Expand", "Floor", "Gather", "GatherElements", "GatherND", "Greater", "GreaterOrEqual",
        "Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg", "NonZero", "Not",
        "Or", "Range", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "ScatterND",
        "Shape", "Size", "Slice", "Split", "Squeeze", "Sub", "Unsqueeze", "Where",
    )
)  # fmt: skip
"""Operators that compute lengths and indices from shapes. ONNX Runtime places them on the CPU on purpose,
since their values are needed there. All others on the CPU mean that the device lacks an operator."""
RECORD = "session.record_ep_graph_assignment_info"
"""The session option without which ``assignment`` finds nothing."""
CPU = "CPUExecutionProvider"


def can_report() -> bool:
    """Whether this ONNX Runtime reports where its nodes run (1.24 and later do)."""
    return hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info")


def fallen_back(session: Any) -> list[str]:
    """The nodes on the CPU that are no shape arithmetic, as ``Operator (node name)``.

    Args:
        session: made with ``RECORD`` set to 1.
    """
    return [
        f"{node.op_type} ({node.name})"
        for subgraph in session.get_provider_graph_assignment_info()
        if subgraph.ep_name == CPU
        for node in subgraph.get_nodes()
        if node.op_type not in SHAPE_ARITHMETIC
    ]
