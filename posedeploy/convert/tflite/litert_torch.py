"""Convert a network to TFLite with litert-torch, directly from PyTorch. Weights stay FP32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import litert_torch
import torch
from torch import Tensor, nn

from posedeploy.convert.prepare import Prepared
from posedeploy.convert.tflite.fuse_elu import fuse_elus
from posedeploy.convert.tflite.litert_layers import rewrite_layers
from posedeploy.convert.tflite.signature import Signature
from posedeploy.convert.unsupported_operators import failed_operator, locate_operator, running_module
from posedeploy.errors import ExportError, first_line
from posedeploy.suppress_output import suppress_python_output, suppress_stderr
from posedeploy.types import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, TensorSpec

CONVERSION_ERRORS = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""The errors of litert-torch for an unsupported network; it has no exception class of its own."""
MESSAGES = {
    False: (
        "litert-torch cannot convert this network",
        "rewrite that part of the network, or choose another target",
    ),
    True: (
        "`dynamic`: litert-torch cannot convert this network with dynamic axes",
        "leave `dynamic` out, or choose another target",
    ),
}
"""The problem and the remedy, by whether axes are dynamic."""


class ChannelsLast(nn.Module):
    """A network with some inputs and outputs channels last."""

    def __init__(self, network: nn.Module, inputs: list[bool], outputs: list[bool]) -> None:
        super().__init__()
        self.network = network
        self.inputs, self.outputs = inputs, outputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        channels_first = (
            tensor.permute(TO_CHANNELS_FIRST) if last else tensor
            for tensor, last in zip(tensors, self.inputs, strict=True)
        )
        return tuple(
            tensor.permute(TO_CHANNELS_LAST) if last else tensor
            for tensor, last in zip(self.network(*channels_first), self.outputs, strict=True)
        )


def convert(prepared: Prepared, path: Path) -> Signature:
    """Write ``path`` (.tflite) and return its signature.

    Raises:
        ExportError: litert-torch does not support an operator of the network.
    """
    spec = prepared.spec
    is_nhwc = prepared.options.tflite.layout == "nhwc"

    def are_transposed(tensors: tuple[TensorSpec, ...]) -> list[bool]:
        return [is_nhwc and tensor.layout == "NCHW" for tensor in tensors]

    inputs, outputs = are_transposed(spec.inputs), are_transposed(spec.outputs)
    example = tuple(
        value.permute(TO_CHANNELS_LAST).contiguous() if last else value
        for value, last in zip(prepared.example, inputs, strict=True)
    )
    with suppress_stderr(native=False), suppress_python_output():
        module = ChannelsLast(rewrite_layers(prepared), inputs, outputs).eval()
        try:
            edge = litert_torch.convert(module, example, dynamic_shapes=_dynamic_axes(prepared, inputs))
            content = edge.model_content()
        except CONVERSION_ERRORS as error:
            raise _conversion_error(error, prepared, module) from error
    path.write_bytes(fuse_elus(content))
    tensors = zip((*spec.inputs, *spec.outputs), (*inputs, *outputs), strict=True)
    return Signature(
        {tensor.name: f"args_{number}" for number, tensor in enumerate(spec.inputs)},
        {tensor.name: f"output_{number}" for number, tensor in enumerate(spec.outputs)},
        [tensor.name for tensor, last in tensors if last],
    )


def _dynamic_axes(prepared: Prepared, last: list[bool]) -> tuple[Any, ...] | None:
    """Return the dynamic axes of each input, in the form of torch.export's ``dynamic_shapes``."""
    if not prepared.axes:
        return None
    return (  # axis TO_CHANNELS_FIRST[i] of the transposed input is axis i of the spec
        tuple(
            {TO_CHANNELS_FIRST[axis] if is_last else axis: torch.export.Dim.DYNAMIC for axis in axes}
            for axes, is_last in zip(prepared.axes, last, strict=True)
        ),
    )


def _conversion_error(error: Exception, prepared: Prepared, module: ChannelsLast) -> ExportError:
    cannot, remedy = MESSAGES[bool(prepared.axes)]
    operator = failed_operator(error)
    if operator is None:
        place = running_module(error, module.network)
        where = "" if place is None else f"in {place}: "
        return ExportError(f"{cannot}: {where}{first_line(error)}; {remedy}")
    return ExportError(
        f"{cannot}: it fails at the operator {locate_operator(operator, prepared)} ({first_line(error)}); "
        f"{remedy}"
    )
