"""The file that torch2trt's ``TRTModule`` loads: the state dict of an engine.

https://github.com/NVIDIA-AI-IOT/torch2trt, ``trt_module.py`` and ``flattener.py``: ``engine`` is a bytearray,
the names are lists, and a flattener says as ``schema`` which place each tensor has in what goes in or comes
out, and as ``size`` how many there are.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from posedeploy.types import ModelSpec, TensorSpec


def wrap(engine: bytes, spec: ModelSpec, path: Path) -> None:
    """Write an engine as ``TRTModule`` loads it: called with the inputs in order, it gives a tuple of all
    outputs, or the tensor alone where there is one."""
    state = {
        "engine": bytearray(engine),
        "input_names": [tensor.name for tensor in spec.inputs],
        "output_names": [tensor.name for tensor in spec.outputs],
        "input_flattener": _flattener(spec.inputs),
        "output_flattener": _flattener(spec.outputs) if len(spec.outputs) > 1 else {"schema": 0, "size": 1},
    }
    content = io.BytesIO()
    torch.save(state, content)  # torch's own writer to a path ends the process where the disk is full
    path.write_bytes(content.getbuffer())


def _flattener(tensors: tuple[TensorSpec, ...]) -> dict[str, Any]:
    return {"schema": tuple(range(len(tensors))), "size": len(tensors)}
