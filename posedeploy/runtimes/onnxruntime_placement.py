"""Find the nodes that a session for another device runs on the CPU."""

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
"""Operators that compute lengths and indices from shapes. ONNX Runtime runs them on the CPU by design. Any
other operator on the CPU has no kernel on the device."""
RECORD = "session.record_ep_graph_assignment_info"
"""The session option that ``list_cpu_nodes`` needs."""
CPU = "CPUExecutionProvider"


def can_report() -> bool:
    """Return whether this ONNX Runtime reports where its nodes run (since 1.24)."""
    return hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info")


def list_cpu_nodes(session: Any) -> list[str]:
    """Return the nodes on the CPU other than shape arithmetic, as ``Operator (node name)``.

    Args:
        session: created with ``RECORD`` set to 1.
    """
    return [
        f"{node.op_type} ({node.name})"
        for subgraph in session.get_provider_graph_assignment_info()
        if subgraph.ep_name == CPU
        for node in subgraph.get_nodes()
        if node.op_type not in SHAPE_ARITHMETIC
    ]
