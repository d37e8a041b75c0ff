"""The precision of the layers that ONNX Runtime really runs, from the graph that it optimized."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from posedeploy.runtimes.onnx_wire import WireNode, read_graph

CONVOLUTIONS, TRANSPOSED, PRODUCTS = "convolutions", "transposed convolutions", "matrix products"
FLOAT = {
    "Conv": CONVOLUTIONS, "FusedConv": CONVOLUTIONS, "NhwcFusedConv": CONVOLUTIONS,
    "ConvTranspose": TRANSPOSED, "Gemm": PRODUCTS, "FusedGemm": PRODUCTS, "MatMul": PRODUCTS,
    "FusedMatMul": PRODUCTS,
}  # fmt: skip
"""Operators in floating point, with their class in reports."""
INT8 = {
    "QLinearConv": CONVOLUTIONS, "ConvInteger": CONVOLUTIONS, "QLinearMatMul": PRODUCTS, "QGemm": PRODUCTS,
    "MatMulInteger": PRODUCTS, "MatMulIntegerToFloat": PRODUCTS, "DynamicQuantizeMatMul": PRODUCTS,
}  # fmt: skip
"""Operators in INT8."""
NAMES = {1: "fp32", 10: "fp16", 11: "fp64", 16: "bf16"}
"""The precisions of weights, by ``TensorProto.DataType``."""


class LayerReport:
    """The report of a session after it is created with ``settings`` inside ``recording``.

    counts: the precisions of the layers with weights, by class of layers.
    """

    counts: dict[str, Counter[str]]

    def __init__(self) -> None:
        self.counts = {}

    @contextmanager
    def recording(self, settings: Any) -> Iterator[None]:
        """Let a session that is created in the block write its optimized graph, and read that."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "optimized.onnx"
            settings.optimized_model_filepath = str(path)
            yield
            self.counts = count_layers(*read_graph(path.read_bytes()))


def count_layers(nodes: list[WireNode], types: dict[str, int]) -> dict[str, Counter[str]]:
    """Return the precisions of the layers, by class of layers.

    Args:
        types: the data types of the initializers.
    """
    counts: dict[str, Counter[str]] = {}
    for node in nodes:
        if node.kind in INT8:
            counts.setdefault(INT8[node.kind], Counter())["int8"] += 1
        elif node.kind in FLOAT:
            known = (NAMES[types[name]] for name in node.inputs[:2] if types.get(name) in NAMES)
            counts.setdefault(FLOAT[node.kind], Counter())[next(known, "fp32")] += 1
    return counts
