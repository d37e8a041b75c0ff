"""The precision of the layers that ONNX Runtime really runs, from the graph that it optimized."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from onnxruntime.capi import onnxruntime_pybind11_state as native

from posedeploy.errors import first_line
from posedeploy.layer_counts import CONVOLUTIONS, PRODUCTS, TRANSPOSED
from posedeploy.runtimes.onnx_wire import WireNode, read_graph

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
WRITE_ERRORS = (native.InvalidProtobuf, native.Fail, native.NoSuchFile, native.RuntimeException)
"""Errors of ONNX Runtime when it cannot write a file, all of which other causes have too."""
Session = TypeVar("Session")
logger = logging.getLogger(__name__)


class LayerReport:
    """The report of a session that ``record`` creates.

    counts: the precisions of the layers with weights, by class of layers; empty if unknown.
    is_unknown: the graph that ONNX Runtime runs could not be read.
    """

    counts: dict[str, Counter[str]]
    is_unknown: bool

    def __init__(self) -> None:
        self.counts, self.is_unknown = {}, False

    def record(self, create: Callable[[Any], Session], settings: Any) -> Session:
        """Return a session that wrote its optimized graph to a temporary file, and read that.

        If the graph cannot be written or read, such as on a full disk, log it and create the session without
        a report.

        Args:
            create: creates the session with these settings; its errors are raised.
        """
        try:
            return self._record(create, settings)
        except (OSError, *WRITE_ERRORS) as error:
            settings.optimized_model_filepath = ""
            session = create(settings)  # raises the same error again if the file itself cannot be loaded
            self.is_unknown = True
            logger.warning(
                "the precision of the layers is unknown: ONNX Runtime cannot write its optimized graph to "
                f"the temporary folder ({first_line(error)}); free some space, or set the environment "
                "variable TMPDIR to another folder"
            )
            return session

    def _record(self, create: Callable[[Any], Session], settings: Any) -> Session:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "optimized.onnx"
            settings.optimized_model_filepath = str(path)
            session = create(settings)
            self.counts = count_layers(*read_graph(path.read_bytes()))
            return session


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
