"""The task of the trial's child process: load a package, run it on each set of inputs, unload it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from posedeploy.aoti_package.loader import Program, load_package
from posedeploy.cuda_graph import GraphedCall
from posedeploy.isolation.arrays import read_arrays, write_arrays


def run(request: Mapping[str, Any], enter: Callable[[str], None]) -> None:
    """Run the package ``request["package"]`` on ``request["device"]``, in the current folder; if
    ``request["graph"]`` is true, as a CUDA graph too.

    Args:
        enter: called with the name of each stage before it starts.
    """
    enter("device")
    device = torch.device(request["device"])
    # FP32 without TF32, as in the reference run.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.zeros(1, device=device)
    enter("load")
    program = load_package(Path(request["package"]), device)
    enter("run")
    with torch.inference_mode():
        results = []
        for number in range(request["runs"]):
            outputs = program(*(tensor.to(device) for tensor in _inputs(number)))
            results.append([output.cpu().numpy() for output in outputs])
        write_arrays(Path(), "output", results)
    if request["graph"]:
        enter("capture")
        _replay(program, _inputs(0), device)
    enter("unload")
    del program
    gc.collect()


def _inputs(number: int) -> list[torch.Tensor]:
    return [torch.from_numpy(array) for array in read_arrays(Path(), "input", number)]


def _replay(program: Program, inputs: list[torch.Tensor], device: torch.device) -> None:
    """Capture the package as a CUDA graph and replay it, as its runner does. Only a crash matters: the runner
    itself handles exceptions by running the package without a graph."""
    signature = tuple((tuple(tensor.shape), tensor.dtype) for tensor in inputs)
    with suppress(RuntimeError):
        GraphedCall(program, signature, device)(inputs)
