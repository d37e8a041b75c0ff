"""A network becomes TorchScript: traced, then frozen.

It runs wherever libtorch does, without Python code of ours.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from posedeploy.convert.prepare import Prepared


def convert(prepared: Prepared, path: Path) -> None:
    """Write ``path`` (.torchscript). The format has no tensor names: the manifest keeps them, in order."""
    with warnings.catch_warnings():
        # The format is in maintenance, and still what C++ loads.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(prepared.module, prepared.example, check_trace=False)  # type: ignore[no-untyped-call]
        frozen = torch.jit.freeze(traced)
    path.write_bytes(frozen.save_to_buffer())  # torch's own writer ends the process where the disk is full
