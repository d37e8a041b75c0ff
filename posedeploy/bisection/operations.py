"""The operations of a network, and the lines of its Python code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SourceLine:
    """A line of a Python file. Lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


@dataclass(frozen=True)
class Operation:
    """An operation of the network whose result is one floating-point tensor.

    name: unique, as in the ONNX files of PyTorch's exporter. operator: such as ``conv2d``. module: the path
    of the module that it is in; empty for the network itself and for embedded preprocessing. module_class:
    such as ``Conv2d``. source: the line of the network's Python file; None if unknown. inputs: the operations
    whose results it uses. is_layer: it multiplies by weights or by another result.
    """

    name: str
    operator: str
    module: str
    module_class: str
    source: SourceLine | None
    inputs: tuple[str, ...]
    is_layer: bool

    def __str__(self) -> str:
        return f"{self.module} ({self.module_class})" if self.module else self.operator
