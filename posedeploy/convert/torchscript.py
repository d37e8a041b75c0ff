"""A network becomes TorchScript: traced, then frozen.

It runs wherever libtorch does, without Python code of ours.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError, first_line


def convert(prepared: Prepared, path: Path) -> None:
    """Write ``path`` (.torchscript). The format has no tensor names: the manifest keeps them, in order.

    Raises:
        ExportError: the network does not run on its example, or cannot be traced.
    """
    with warnings.catch_warnings():
        # The format is in maintenance, and still what C++ loads.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            traced = torch.jit.trace(prepared.module, prepared.example, check_trace=False)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ExportError(f"TorchScript cannot take this network: {first_line(error)}") from error
        frozen = torch.jit.freeze(traced)
    path.write_bytes(frozen.save_to_buffer())  # torch's own writer ends the process where the disk is full
