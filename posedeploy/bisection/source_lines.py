"""Find the line of a network's Python code that an operation comes from."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from posedeploy.bisection.operations import SourceLine
from posedeploy.convert import prepare

_SKIPPED = (str(Path(torch.__file__).parent), __file__, prepare.__file__, "<")
"""The first characters of files that are not the network's: torch, this one, and the export wrapper."""
_FRAME = re.compile(r'^\s*File "(.+)", line (\d+)', re.MULTILINE)


def find_call_lines(network: nn.Module, inputs: tuple[Tensor, ...]) -> Mapping[str, SourceLine]:
    """Run a network once, and return the line that calls each of its modules, by the path of the module.

    A module that a container of torch calls, such as ``nn.Sequential``, has the line that calls the
    container. A module that is called several times has its first line.
    """
    lines: dict[str, SourceLine] = {}
    handles = []
    for path, module in network.named_modules():

        def record(_module: nn.Module, _args: Any, path: str = path) -> None:
            if path not in lines and (line := _calling_line()) is not None:
                lines[path] = line

        handles.append(module.register_forward_pre_hook(record))
    try:
        with torch.inference_mode():
            network(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return lines


def find_line(stack_trace: str | None, path: str, calls: Mapping[str, SourceLine]) -> SourceLine | None:
    """Return the line of an operation of a traced network; None if no line of the network is known.

    Args:
        stack_trace: as torch.export records it: only the frames of ``forward``.
        path: the path of the module that the operation is in.
        calls: the lines that call the modules.
    """
    frames = _FRAME.findall(stack_trace or "")
    if frames and not _is_skipped(frames[-1][0]):  # an operation in the network's own code
        return SourceLine(frames[-1][0], int(frames[-1][1]))
    if path in calls:
        return calls[path]
    own = [SourceLine(file, int(line)) for file, line in frames if not _is_skipped(file)]
    return own[-1] if own else None


def _calling_line() -> SourceLine | None:
    frame = sys._getframe(1)
    while frame is not None:
        if not _is_skipped(frame.f_code.co_filename):
            return SourceLine(frame.f_code.co_filename, frame.f_lineno)
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


def _is_skipped(file: str) -> bool:
    return file.startswith(_SKIPPED)
