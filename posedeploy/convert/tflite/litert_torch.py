"""A network becomes TFLite straight from PyTorch, by litert-torch. Weights stay float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import litert_torch
import torch
from torch import Tensor, nn

from posedeploy.convert.prepare import Prepared
from posedeploy.convert.tflite.litert_layers import rewritten
from posedeploy.convert.unsupported_operators import blamed, located, running
from posedeploy.errors import ExportError, first_line
from posedeploy.suppress_output import quiet, unsaid
from posedeploy.types import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, TensorSpec

REFUSALS = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What the converter raises of a network that it cannot take: whatever its own code stumbles over."""
REFUSED = {
    False: (
        "litert-torch cannot take this network",
        "write that part of it otherwise, or choose another target",
    ),
    True: (
        "`dynamic`: litert-torch cannot take this network with free axes",
        "fix them (leave `dynamic` out), or choose another target",
    ),
}
"""What is told, and what to do, by whether axes were to be free."""


class ChannelsLast(nn.Module):
    """A network with some of its inputs and outputs channels last."""

    def __init__(self, network: nn.Module, inputs: list[bool], outputs: list[bool]) -> None:
        super().__init__()
        self.deployed = network
        self.inputs, self.outputs = inputs, outputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given = (
            tensor.permute(TO_CHANNELS_FIRST) if last else tensor
            for tensor, last in zip(tensors, self.inputs, strict=True)
        )
        return tuple(
            tensor.permute(TO_CHANNELS_LAST) if last else tensor
            for tensor, last in zip(self.deployed(*given), self.outputs, strict=True)
        )


def convert(prepared: Prepared, path: Path) -> dict[str, Any]:
    """Write ``path`` (.tflite); what its signature calls the tensors, and which have their channels last.

    Raises:
        ExportError: the network holds something that litert-torch cannot express.
    """
    spec = prepared.spec
    wanted = prepared.options.tflite.layout == "nhwc"

    def turned(tensors: tuple[TensorSpec, ...]) -> list[bool]:
        return [wanted and tensor.layout == "NCHW" for tensor in tensors]

    inputs, outputs = turned(spec.inputs), turned(spec.outputs)
    example = tuple(
        value.permute(TO_CHANNELS_LAST).contiguous() if last else value
        for value, last in zip(prepared.example, inputs, strict=True)
    )
    with quiet(native=False), unsaid():
        module = ChannelsLast(rewritten(prepared), inputs, outputs).eval()
        try:
            edge = litert_torch.convert(module, example, dynamic_shapes=_free_axes(prepared, inputs))
            content = edge.model_content()
        except REFUSALS as error:
            raise _refusal(error, prepared, module) from error
    path.write_bytes(content)
    tensors = zip((*spec.inputs, *spec.outputs), (*inputs, *outputs), strict=True)
    return {
        "inputs": {tensor.name: f"args_{number}" for number, tensor in enumerate(spec.inputs)},
        "outputs": {tensor.name: f"output_{number}" for number, tensor in enumerate(spec.outputs)},
        "channels_last": [tensor.name for tensor, last in tensors if last],
    }


def _free_axes(prepared: Prepared, last: list[bool]) -> tuple[Any, ...] | None:
    """Which axes keep any length, by input, as torch.export wants them."""
    if not prepared.axes:
        return None
    return (  # the axes go to the places that the way back names
        tuple(
            {TO_CHANNELS_FIRST[axis] if turned else axis: torch.export.Dim.DYNAMIC for axis in axes}
            for axes, turned in zip(prepared.axes, last, strict=True)
        ),
    )


def _refusal(error: Exception, prepared: Prepared, module: ChannelsLast) -> ExportError:
    cannot, remedy = REFUSED[bool(prepared.axes)]
    operator = blamed(error)
    if operator is None:
        place = running(error, module.deployed)
        where = "" if place is None else f"in {place}: "
        return ExportError(f"{cannot}: {where}{first_line(error)}; {remedy}")
    return ExportError(
        f"{cannot}: it fails at the operator {located(operator, prepared)} ({first_line(error)}); {remedy}"
    )
