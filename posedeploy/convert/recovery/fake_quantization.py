"""Round the inputs and the weights of layers as INT8 does, with gradients that ignore the rounding.

The operators are those of PyTorch (``torch.fake_quantize_per_tensor_affine``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from posedeploy.convert.best_range import LEVELS
from posedeploy.convert.recovery.layer_calls import TRANSPOSED, LayerCalls
from posedeploy.convert.recovery.ranges import MIN_SCALE, InputRounding

MAX_WEIGHT = 127
"""The largest step of a weight; steps are symmetric, with one scale for each channel of the result."""


class FakeQuantization(LayerCalls):
    """Runs layers with rounded inputs and weights.

    roundings: the steps of each layer's input. float_layers: the numbers of layers without rounding.
    """

    def __init__(self, roundings: Sequence[InputRounding], float_layers: Collection[int]) -> None:
        super().__init__()
        self.roundings, self.float_layers = roundings, float_layers

    def call_layer(
        self, number: int, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        """Return the result of a layer."""
        if number not in self.float_layers:
            values, weights, *rest = args
            axis = 1 if func in TRANSPOSED else 0
            args = (round_input(values, self.roundings[number]), round_weights(weights, axis), *rest)
        return super().call_layer(number, func, args, kwargs)


def round_input(values: Tensor, rounding: InputRounding) -> Tensor:
    """Return the values of a layer's input, rounded to its steps and clipped to their range."""
    scale, zero_point = rounding.scale, rounding.zero_point
    if rounding.is_per_channel:
        return torch.fake_quantize_per_channel_affine(values, scale, zero_point, 1, 0, LEVELS)
    return torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, LEVELS)


def round_weights(weights: Tensor, axis: int) -> Tensor:
    """Return weights, rounded with one scale for each channel along an axis."""
    axes = [other for other in range(weights.dim()) if other != axis]
    scale = (weights.detach().abs().amax(axes) / MAX_WEIGHT).clamp_min(MIN_SCALE)
    zero_point = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weights, scale, zero_point, axis, -MAX_WEIGHT, MAX_WEIGHT)
