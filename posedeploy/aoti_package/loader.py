"""Load an AOTInductor package by torch's C++ loader.

``torch._inductor.aoti_load_package`` does the same after it has compiled and run test programs, one for each
instruction set of the processor, only to log a warning where they differ from the machine that exported:
seconds at every load, and a C++ compiler on a machine that only runs the package.
``native_code.check_requirements`` compares the machines instead.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch

Program: TypeAlias = Callable[..., list[torch.Tensor]]
"""Takes the input tensors in order, on the package's device, and returns the outputs in order."""

MODEL = "model"
"""The name of the network in a package that ``aoti_compile_and_package`` wrote."""


def load_package(path: Path, device: torch.device) -> Program:
    """Load the package ``path`` onto ``device``, on which it was compiled to run.

    Raises:
        RuntimeError: torch cannot load it.
    """
    if device.type == "cuda":
        torch.zeros(1, device=device)  # opens the device, as the trial does before it loads the package
    loader = torch._C._aoti.AOTIModelPackageLoader(
        str(path),
        MODEL,
        device.type == "cuda",  # run_single_threaded: without the locks that a CUDA graph cannot record
        1,  # num_runners
        -1 if device.index is None else device.index,
    )
    # The loader empties the list that it is given.
    return lambda *tensors: loader.boxed_run(list(tensors))
