"""Read and write the file of torch2trt's ``TRTModule``: a state dict with an engine.

https://github.com/NVIDIA-AI-IOT/torch2trt, ``trt_module.py`` and ``flattener.py``: ``engine`` is a bytearray,
the names are lists, and a flattener holds the position of each tensor among the inputs or outputs in
``schema`` and their number in ``size``.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from posedeploy.checkpoints.reader import content_of
from posedeploy.errors import CheckpointError
from posedeploy.types import ModelSpec, TensorSpec

KEYS = ("engine", "input_names", "output_names")
"""Keys of the state dict; newer versions also have two flatteners."""


@dataclass(frozen=True)
class WrappedEngine:
    """An engine, and the names of its tensors in the order of the module's inputs and outputs."""

    engine: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read(path: Path) -> WrappedEngine:
    """Return the engine in a torch2trt file, without running code in it.

    Raises:
        CheckpointError: the file is missing or damaged, or holds no engine.
    """
    content = content_of(path)
    if not (isinstance(content, dict) and set(KEYS) <= content.keys()):
        raise CheckpointError(f"{path}: not a torch2trt file; expected a state dict with {', '.join(KEYS)}")
    engine, inputs, outputs = (content[key] for key in KEYS)
    has_names = isinstance(inputs, list) and isinstance(outputs, list)
    has_names = has_names and all(isinstance(name, str) for name in inputs + outputs)
    if not isinstance(engine, bytes | bytearray) or not has_names:
        raise CheckpointError(f"{path}: its engine is not bytes, or its names are not text; copy it again")
    if not engine:
        raise CheckpointError(f"{path}: its engine is empty; convert the network again")
    return WrappedEngine(bytes(engine), tuple(inputs), tuple(outputs))


def wrap(engine: bytes, spec: ModelSpec, path: Path) -> None:
    """Write an engine for ``TRTModule``: called with the inputs in order, it returns a tuple of all outputs,
    or a single output as a tensor."""
    state = {
        "engine": bytearray(engine),
        "input_names": [tensor.name for tensor in spec.inputs],
        "output_names": [tensor.name for tensor in spec.outputs],
        "input_flattener": _flattener(spec.inputs),
        "output_flattener": _flattener(spec.outputs) if len(spec.outputs) > 1 else {"schema": 0, "size": 1},
    }
    content = io.BytesIO()
    torch.save(state, content)  # torch.save to a path ends the process if the disk is full
    path.write_bytes(content.getbuffer())


def _flattener(tensors: tuple[TensorSpec, ...]) -> dict[str, Any]:
    return {"schema": tuple(range(len(tensors))), "size": len(tensors)}
