"""The task of ``onnx_opset``'s child process: run an ONNX file once on each set of inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnxruntime

from posedeploy.isolation.arrays import read_arrays, write_arrays

FATAL_ONLY = 4
"""The log severity of ONNX Runtime. The parent process reports exceptions."""


def run(argument: Mapping[str, Any], enter: Callable[[str], None]) -> str:
    """Run the file ``argument["path"]``, with names of inputs and outputs in the order of the spec.

    Returns:
        ONNX Runtime's error message; empty if all runs succeeded.
    """
    enter("load")
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = FATAL_ONLY
    try:
        session = onnxruntime.InferenceSession(argument["path"], settings, providers=["CPUExecutionProvider"])
        results = []
        for number in range(argument["runs"]):
            enter("run")
            tensors = dict(zip(argument["inputs"], read_arrays(Path(), "input", number), strict=True))
            results.append(session.run(argument["outputs"], tensors))
    except Exception as error:  # ONNX Runtime's exceptions have no common base class
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        return str(error) or type(error).__name__
    write_arrays(Path(), "output", results)
    return ""
