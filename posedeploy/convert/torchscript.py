"""Convert a network to TorchScript: trace and freeze it. The file runs in libtorch without posedeploy."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from posedeploy.convert.agreement import MAX_RELATIVE_DIFFERENCE, generate_runs
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError, first_line
from posedeploy.reduced_precision import DTYPES
from posedeploy.types import Array


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
            traced = _trace(prepared.in_precision, prepared)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ExportError(f"TorchScript cannot trace this network: {first_line(error)}") from error
        frozen = _freeze(traced, prepared)
    path.write_bytes(frozen.save_to_buffer())  # torch's own writer ends the process if the disk is full
    return Conversion(precision=prepared.options.precision)


def _trace(module: nn.Module, prepared: Prepared) -> torch.jit.ScriptModule:
    traced: torch.jit.ScriptModule = torch.jit.trace(module, prepared.example, check_trace=False)  # type: ignore[no-untyped-call]
    return traced


def _freeze(traced: torch.jit.ScriptModule, prepared: Prepared) -> torch.jit.ScriptModule:
    """Return a frozen network with the outputs of the traced one.

    PyTorch folds layers into each other where it can. If that changes the outputs on random inputs, for which
    no cause is known, the layers stay separate. Reduced precisions are compared in FP32, which is faster on a
    CPU and has smaller rounding errors.
    """
    if not _folds_wrongly(traced):
        folded: torch.jit.ScriptModule = torch.jit.freeze(traced)
        if prepared.options.precision not in DTYPES:
            is_right = _agree(folded, traced, prepared)
        else:
            full = _trace(prepared.module, prepared)
            is_right = _agree(torch.jit.freeze(full), full, prepared)
        if is_right:
            return folded
    separate: torch.jit.ScriptModule = torch.jit.freeze(traced, optimize_numerics=False)
    return separate


def _folds_wrongly(traced: torch.jit.ScriptModule) -> bool:
    """Return whether folding a BatchNorm into the linear layer before it would change the outputs.

    PyTorch (2.13 too) folds it even if another layer, such as a residual sum, uses the output of the linear
    layer, and even if that has more than two axes: BatchNorm scales the second axis, and a linear layer has
    its outputs along the last one.
    """
    graph: Any = traced.inlined_graph  # a copy, which its nodes do not keep alive
    outputs = [node.output() for node in graph.findAllNodes("aten::linear")]
    uses = [(output.type().dim(), [use.user.kind() for use in output.uses()]) for output in outputs]
    return any("aten::batch_norm" in kinds and (len(kinds) > 1 or axes != 2) for axes, kinds in uses)


def _agree(folded: torch.jit.ScriptModule, traced: torch.jit.ScriptModule, prepared: Prepared) -> bool:
    """Return whether both compute the same outputs on random inputs, except for rounding."""
    inputs, _ = next(generate_runs(prepared))
    try:
        with torch.inference_mode(), torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            pairs = list(zip(*(_run(module, inputs) for module in (folded, traced)), strict=True))
    except RuntimeError:  # a network may accept certain values only, such as indices
        return False
    return all(
        torch.allclose(
            output, expected, rtol=0, atol=MAX_RELATIVE_DIFFERENCE * _largest(expected), equal_nan=True
        )
        for output, expected in pairs
    )


def _run(module: torch.jit.ScriptModule, inputs: list[Array]) -> list[Tensor]:
    copies = [torch.from_numpy(value.copy()) for value in inputs]  # a network may change its input
    return [output.double() for output in module(*copies)]


def _largest(values: Tensor) -> float:
    finite = values[values.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 0.0
