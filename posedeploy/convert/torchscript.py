"""Convert a network to TorchScript: trace and freeze it. The file runs in libtorch without posedeploy."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from posedeploy.convert.conversion import Conversion
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError, first_line


def convert(prepared: Prepared, path: Path) -> Conversion:
    """Write ``path`` (.torchscript). The manifest records the tensor names, in order.

    Raises:
        ExportError: the network does not run on its example, or cannot be traced.
    """
    with warnings.catch_warnings():
        # PyTorch only maintains TorchScript, but C++ programs still use it.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Tracing reads all properties of a module, also deprecated ones of its library.
        warnings.simplefilter("ignore", FutureWarning)
        # Networks of this library compare the size of the image with their configuration.
        warnings.filterwarnings("ignore", module="transformers")
        # torchvision calls torch.tensor on sizes, which warns during tracing.
        warnings.filterwarnings("ignore", module="torchvision")
        try:
            traced = torch.jit.trace(prepared.in_precision, prepared.example, check_trace=False)  # type: ignore[no-untyped-call]
        except (RuntimeError, TypeError, ValueError) as error:
            raise ExportError(f"TorchScript cannot trace this network: {first_line(error)}") from error
        frozen = torch.jit.freeze(traced, optimize_numerics=not _folds_wrongly(traced))
    path.write_bytes(frozen.save_to_buffer())  # torch's own writer ends the process if the disk is full
    return Conversion(precision=prepared.options.precision)


def _folds_wrongly(traced: torch.jit.ScriptModule) -> bool:
    """Return whether freezing would change the outputs.

    PyTorch (2.13 too) folds a BatchNorm into the linear layer before it even if another layer, such as a
    residual sum, uses the output of that layer.
    """
    uses = [
        [use.user.kind() for use in node.output().uses()]
        for node in traced.inlined_graph.nodes()
        if node.kind() == "aten::linear"
    ]
    return any(len(kinds) > 1 and "aten::batch_norm" in kinds for kinds in uses)
