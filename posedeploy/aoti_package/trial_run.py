"""What the child process does: load a package, run it on each set of inputs, unload it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posedeploy.aoti_package.loader import Program, load_package
from posedeploy.cuda_graph import GraphedCall


def run(request: Mapping[str, Any], enter: Callable[[str], None]) -> None:
    """Run the package ``request["package"]`` on ``request["device"]``, in the current folder, and, where
    ``request["graph"]`` holds, as a CUDA graph.

    Args:
        enter: is called with the name of each stage, before it.
    """
    enter("device")
    device = torch.device(request["device"])
    # As the reference does: float32 is float32.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.zeros(1, device=device)
    enter("load")
    program = load_package(Path(request["package"]), device)
    enter("run")
    with torch.inference_mode():
        for number in range(len(request["inputs"])):
            outputs = program(*(tensor.to(device) for tensor in _inputs(request, number)))
            for index, output in enumerate(outputs):
                np.save(f"output-{number}-{index}.npy", output.cpu().numpy())
    if request["graph"]:
        enter("record")
        _replay(program, _inputs(request, 0), device)
    enter("unload")
    del program
    gc.collect()


def _inputs(request: Mapping[str, Any], number: int) -> list[torch.Tensor]:
    names = (f"input-{number}-{index}.npy" for index in range(request["inputs"][number]))
    return [torch.from_numpy(np.load(name)) for name in names]


def _replay(program: Program, inputs: list[torch.Tensor], device: torch.device) -> None:
    """Record the package and replay it, as its runner does. An error is the runner's to report: it then runs
    the package call by call. Only a crash matters here."""
    forms = tuple((tuple(tensor.shape), tensor.dtype) for tensor in inputs)
    with suppress(RuntimeError):
        GraphedCall(program, forms, device)(inputs)
