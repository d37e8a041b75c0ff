"""Recognize ONNX files on which a fusion crashes ONNX Runtime (``onnxruntime_defects``), without loading
them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path

from posedeploy.onnxruntime_defects import moves_first_axis
from posedeploy.runtimes.onnx_wire import WireNode, read_graph

FUSION = "MatmulTransposeFusion"
FP16 = 10
"""``TensorProto.FLOAT16``."""


def find_crashing_fusions(path: Path) -> list[str]:
    """Return the optimizers that ONNX Runtime must not run on an ONNX file; empty for most files.

    ONNX Runtime removes operators without effect and moves Casts, so the Transpose and the matrix product
    need not be neighbors in the file. Without the fusion, the results are the same. A file that cannot be
    read has none: loading it raises ONNX Runtime's error.
    """
    try:
        with path.open("rb") as file:  # the map is not closed: after an error, views of it are still in use
            nodes, types = read_graph(mmap(file.fileno(), 0, access=ACCESS_READ))
    except (OSError, ValueError):
        return []
    return [FUSION] if _may_crash(nodes, types.values()) else []


def _may_crash(nodes: Sequence[WireNode], types: Collection[int]) -> bool:
    """Return whether a graph has such a Transpose, a matrix product, and a Cast or weights in FP16."""
    kinds = {node.kind for node in nodes}
    has_casts = "Cast" in kinds or FP16 in types or any(node.data_type == FP16 for node in nodes)
    is_moved = any(node.kind == "Transpose" and moves_first_axis(node.perm) for node in nodes)
    return "MatMul" in kinds and has_casts and is_moved
