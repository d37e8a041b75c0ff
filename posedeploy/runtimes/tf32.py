"""Set and read whether torch computes float32 on a GPU in TF32, which has 10 of 23 bits of the mantissa."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import torch

from posedeploy.types import RunOptions

_cudnn: Any = torch.backends.cudnn  # created when torch is imported, so mypy has other types
KINDS: tuple[Any, ...] = (_cudnn.conv, _cudnn.rnn, torch.backends.cuda.matmul)
"""The backends with their own precision setting."""
CONVOLUTION, ALLOW_TF32 = "aten::_convolution", 12
"""The operator of a traced convolution, and the index of its argument that allows TF32."""


def configure(options: RunOptions) -> Literal["fp32", "tf32"]:
    """Allow TF32 for ``tf32`` and forbid it otherwise, for the whole process; return the setting as read
    back.

    ``auto`` keeps the setting. By default, torch allows TF32 for convolutions.
    """
    if options.precision != "auto":
        allowed = options.precision == "tf32"
        with warnings.catch_warnings():
            # torch.export (also in 2.13) still reads the older flags, deprecated since torch 2.9, and
            # fails if they contradict the newer ones.
            warnings.simplefilter("ignore")
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
        for kind in KINDS:
            kind.fp32_precision = "tf32" if allowed else "ieee"
    return "tf32" if any(kind.fp32_precision == "tf32" for kind in KINDS) else "fp32"


def write_into(program: Any) -> None:
    """Apply the current setting to the convolutions of a TorchScript program, which store the setting of the
    trace."""
    allowed = _cudnn.conv.fp32_precision == "tf32"
    graph = program.graph
    torch._C._jit_pass_inline(graph)  # without freezing, submodules have separate graphs
    for node in graph.findAllNodes(CONVOLUTION):
        if len(list(node.inputs())) <= ALLOW_TF32:
            continue  # torch before 1.7 has no such argument and uses the current setting
        with graph.insert_point_guard(node):
            node.replaceInput(ALLOW_TF32, graph.insertConstant(allowed))
