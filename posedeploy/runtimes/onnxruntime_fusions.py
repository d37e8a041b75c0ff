"""Recognize ONNX files on which a fusion crashes ONNX Runtime (``onnxruntime_defects``), without loading
them."""

from __future__ import annotations

from collections.abc import Iterable
from mmap import ACCESS_READ, mmap
from pathlib import Path

from posedeploy.onnxruntime_defects import moves_first_axis
from posedeploy.runtimes.onnx_wire import WireNode, read_graph

FUSION = "MatmulTransposeFusion"
FP16 = 10
"""``TensorProto.FLOAT16``."""


def find_crashing_fusions(path: Path) -> list[str]:
    """Return the optimizers that ONNX Runtime must not run on an ONNX file; empty for nearly all files.

    A file that cannot be read has none: loading it raises ONNX Runtime's error.
    """
    try:
        with path.open("rb") as file:  # the map is not closed: after an error, views of it are still in use
            nodes, types = read_graph(mmap(file.fileno(), 0, access=ACCESS_READ))
    except (OSError, ValueError):
        return []
    return [FUSION] if _crashes(nodes, is_fp16=FP16 in types.values()) else []


def _crashes(nodes: Iterable[WireNode], *, is_fp16: bool) -> bool:
    """Return whether a matrix product reads such a Transpose through a Cast, or directly in an FP16 graph."""
    transposed, cast = set[str](), set[str]()
    for node in nodes:  # in topological order
        if node.kind == "Transpose" and moves_first_axis(node.perm):
            transposed.update(node.outputs)
        elif node.kind == "Cast" and not transposed.isdisjoint(node.inputs):
            cast.update(node.outputs)
        elif node.kind == "MatMul" and not (cast | transposed if is_fp16 else cast).isdisjoint(node.inputs):
            return True
    return False
