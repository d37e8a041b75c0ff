"""A network in float64, as a reference for the rounding errors of float32."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from posedeploy.types import Model

Pair = tuple[int, int]


class InFloat64(nn.Module):
    """A copy of a network that computes in float64 and returns float64."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).double()

    def forward(self, *inputs: Tensor) -> Any:
        with _FastDepthwise():
            return self.network(*(data.double() if data.is_floating_point() else data for data in inputs))


def in_float64(model: Model) -> Model:
    """Return the model with its arithmetic in float64 and the weights of the checkpoint."""
    return replace(model, module=InFloat64(model.module).eval())


class _FastDepthwise(TorchFunctionMode):
    """A mode that computes depthwise convolutions in float64 on the CPU as sums of shifted inputs.

    PyTorch has no such kernel. It computes each channel as a convolution of its own, which takes most of the
    time of a network like mobile-human-pose.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.conv2d:
            return _convolve(*args, **kwargs)
        return func(*args, **kwargs)


def _convolve(
    input: Tensor,  # the name in torch.conv2d
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Return what ``torch.conv2d`` returns."""
    is_depthwise = groups > 1 and weight.shape[1] == 1 and input.ndim == 4 and input.device.type == "cpu"
    if not is_depthwise or isinstance(padding, str) or input.dtype != torch.float64:
        return functional.conv2d(input, weight, bias, stride, padding, dilation, groups)
    (down, right), (rows, columns) = _pair(stride), _pair(dilation)
    top, left = _pair(padding)
    padded = functional.pad(input, (left, left, top, top))
    height = (padded.shape[2] - rows * (weight.shape[2] - 1) - 1) // down + 1
    width = (padded.shape[3] - columns * (weight.shape[3] - 1) - 1) // right + 1
    multiplier = len(weight) // groups
    if multiplier > 1:
        padded = padded.repeat_interleave(multiplier, dim=1)
    total = padded.new_zeros(len(input), len(weight), height, width)
    for y in range(weight.shape[2]):
        for x in range(weight.shape[3]):
            part = padded[:, :, y * rows :: down, x * columns :: right][:, :, :height, :width]
            total.addcmul_(part, weight[:, 0, y, x].view(1, -1, 1, 1))
    return total if bias is None else total + bias.view(1, -1, 1, 1)


def _pair(value: int | Sequence[int]) -> Pair:
    """Return an argument of a convolution for both axes."""
    if isinstance(value, int):
        return value, value
    values = tuple(value)
    return values[0], values[-1]
