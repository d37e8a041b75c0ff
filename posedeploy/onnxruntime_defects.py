"""A pattern in ONNX graphs that crashes ONNX Runtime.

To fuse a Transpose with a matrix product, ONNX Runtime first moves it before the Cast between them. If it
then does not fuse it, the moved node has no operator schema. The layout optimizer for x86 CPUs reads the
schema, and the process crashes. This affects versions 1.24 to at least 1.31
(github.com/microsoft/onnxruntime/issues/28392). On a CPU, ONNX Runtime itself inserts the Cast into a graph
in FP16.
"""

from __future__ import annotations

from collections.abc import Sequence


def moves_first_axis(perm: Sequence[int]) -> bool:
    """Return whether a Transpose is of the kind that is moved and not fused: its first axis becomes the last
    one or the last but one, and the others keep their order."""
    rest = list(range(1, len(perm)))
    return len(perm) > 2 and list(perm) in ([*rest, 0], [*rest[:-1], 0, *rest[-1:]])
