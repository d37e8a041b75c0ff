"""Whether torch may compute float32 in TF32 on a GPU, 10 bits of a number's 23: asked, and read back."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import torch

from posedeploy.types import RunOptions

_cudnn: Any = torch.backends.cudnn  # torch makes these modules as it is imported, and mypy sees others
KINDS: tuple[Any, ...] = (_cudnn.conv, _cudnn.rnn, torch.backends.cuda.matmul)
"""What torch keeps a precision of float32 for."""
CONVOLUTION, ALLOW_TF32 = "aten::_convolution", 12
"""The operator that a traced convolution is, and which of its arguments says whether TF32 may be."""


def configure(options: RunOptions) -> Literal["fp32", "tf32"]:
    """Allow TF32 for ``tf32`` and forbid it for other precisions, for the whole process; ``auto`` keeps it as
    it is, which torch allows for convolutions. Returns what then holds, read back."""
    if options.precision != "auto":
        allowed = options.precision == "tf32"
        with warnings.catch_warnings():
            # The older flags, deprecated since torch 2.9, are set too: torch.export (2.13 too) still reads
            # them, and refuses to go on where they contradict the newer ones.
            warnings.simplefilter("ignore")
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
        for kind in KINDS:
            kind.fp32_precision = "tf32" if allowed else "ieee"
    return "tf32" if any(kind.fp32_precision == "tf32" for kind in KINDS) else "fp32"


def write_into(program: Any) -> None:
    """Make the convolutions of a TorchScript program go by what holds now. Tracing wrote into each whether
    TF32 was allowed where it was traced, and that would hold."""
    allowed = _cudnn.conv.fp32_precision == "tf32"
    graph = program.graph
    torch._C._jit_pass_inline(graph)  # what was not frozen keeps its parts in graphs of their own
    for node in graph.findAllNodes(CONVOLUTION):
        if len(list(node.inputs())) <= ALLOW_TF32:
            continue  # that of torch before 1.7, which goes by what holds anyway
        with graph.insert_point_guard(node):
            node.replaceInput(ALLOW_TF32, graph.insertConstant(allowed))
