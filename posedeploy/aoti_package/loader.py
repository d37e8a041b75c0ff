"""Load an AOTInductor package with torch's C++ loader.

``torch._inductor.aoti_load_package`` first compiles and runs a test program for each instruction set of the
processor, only to log a warning if the exporting machine differs. This takes seconds and needs a C++
compiler. ``native_code.check_requirements`` compares the machines instead.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch

from posedeploy.aoti_package.cpp_library import share_cpp_library

Program: TypeAlias = Callable[..., list[torch.Tensor]]
"""A function of the input tensors, in order and on the package's device, that returns the outputs in
order."""

MODEL = "model"
"""The name of the network in a package that ``aoti_compile_and_package`` wrote."""


def load_package(path: Path, device: torch.device) -> Program:
    """Load the package ``path`` onto ``device``, for which it was compiled.

    Raises:
        RuntimeError: torch cannot load it.
    """
    share_cpp_library()
    if device.type == "cuda":
        torch.zeros(1, device=device)  # initializes the device, as the trial does before it loads the package
    loader = torch._C._aoti.AOTIModelPackageLoader(
        str(path),
        MODEL,
        device.type == "cuda",  # run_single_threaded: without the locks that a CUDA graph cannot capture
        1,  # num_runners
        -1 if device.index is None else device.index,
    )
    # The loader empties the list that is passed to it.
    return lambda *tensors: loader.boxed_run(list(tensors))
