"""The file that torch2trt saves is read for the engine in it; nothing in it is ever run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posedeploy.checkpoints.reader import content_of
from posedeploy.errors import CheckpointError

KEYS = ("engine", "input_names", "output_names")
"""What such a state dict has; newer ones have two flatteners besides."""


@dataclass(frozen=True)
class Wrapped:
    """An engine, and the names of its tensors in the order in which the module takes and gives them."""

    engine: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read(path: Path) -> Wrapped:
    """The engine in a file that torch2trt wrote.

    Raises:
        CheckpointError: the file is missing, damaged, would run code, or holds no engine.
    """
    content = content_of(path)
    if not (isinstance(content, dict) and set(KEYS) <= content.keys()):
        raise CheckpointError(f"{path}: not a file of torch2trt; wanted a state dict with {', '.join(KEYS)}")
    engine, inputs, outputs = (content[key] for key in KEYS)
    named = isinstance(inputs, list) and isinstance(outputs, list)
    named = named and all(isinstance(name, str) for name in inputs + outputs)
    if not isinstance(engine, bytes | bytearray) or not named:
        raise CheckpointError(f"{path}: its engine is not bytes, or its names are not text; copy it again")
    if not engine:
        raise CheckpointError(f"{path}: its engine is empty; convert the network again")
    return Wrapped(bytes(engine), tuple(inputs), tuple(outputs))
