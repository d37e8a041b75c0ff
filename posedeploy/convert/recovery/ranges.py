"""The ranges of the inputs of layers, as a quantized network rounds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from posedeploy.convert.best_range import LEVELS, best_range
from posedeploy.convert.channel_factors import MAX_RATIO
from posedeploy.convert.recovery.layer_calls import LayerCalls, is_depthwise, run
from posedeploy.errors import ExportError

BINS = 2048
MAX_VALUES = 1 << 17
"""The most values of an input that enter its histogram in each run, evenly spaced."""
MIN_SCALE = 1e-12


@dataclass(frozen=True)
class InputRounding:
    """The steps of a layer's input in 8 bits: numbers, or for depthwise layers (channels,) arrays.

    scale: the size of a step. zero_point: the step of the value 0, int32.
    """

    scale: Tensor
    zero_point: Tensor

    @property
    def is_per_channel(self) -> bool:
        """Whether each channel has its own steps. A converter gives the channels before a depthwise layer the
        same range, or a scale each."""
        return self.scale.dim() > 0


def measure_rounding(network: nn.Module, inputs: Iterable[Sequence[Tensor]]) -> tuple[InputRounding, ...]:
    """Return the steps of each layer's input, by the number of the layer's call.

    Args:
        inputs: iterated twice.

    Raises:
        ExportError: values are not finite, or the inputs lead to different layers.
    """
    with torch.no_grad():
        return _measure_rounding(network, inputs)


def _measure_rounding(network: nn.Module, inputs: Iterable[Sequence[Tensor]]) -> tuple[InputRounding, ...]:
    extremes: list[_Extremes] = []
    for tensors in inputs:
        calls = _Extremes.Calls(extremes)
        run(network, tensors, calls)
        if calls.count != len(extremes):
            raise ExportError(
                f"`recover`: the network calls {calls.count} layers for one input and {len(extremes)} for "
                "another, so its layers cannot be trained for INT8; leave `recover` out"
            )
    histograms = [np.zeros(BINS) for _ in extremes]
    for tensors in inputs:
        run(network, tensors, _HistogramCalls(extremes, histograms))
    return tuple(map(_rounding, extremes, histograms))


def measure_values(values: Tensor) -> InputRounding:
    """Return the steps of a layer's input with these values, one scale for all channels."""
    extremes, histogram = _Extremes(False), np.zeros(BINS)
    extremes.add(values)
    _add_to_histogram(histogram, values, extremes)
    return _rounding(extremes, histogram)


def _add_to_histogram(histogram: Any, values: Tensor, extremes: _Extremes) -> None:
    """Add values to a histogram in place, without zeros, which are exact in any range."""
    values = values.flatten()
    values = values[:: -(-values.numel() // MAX_VALUES)]
    if extremes.high > extremes.low:
        counts = torch.histc(values[values != 0], BINS, float(extremes.low), float(extremes.high))
        histogram += counts.numpy()


class _Extremes:
    """The smallest and the largest values of a layer's input, for each channel of a depthwise layer."""

    def __init__(self, is_per_channel: bool) -> None:
        self.is_per_channel = is_per_channel
        self.low = self.high = torch.zeros(())

    def add(self, values: Tensor) -> None:
        axes = [axis for axis in range(values.dim()) if axis != 1 or not self.is_per_channel]
        self.low = torch.minimum(self.low, values.amin(axes))
        self.high = torch.maximum(self.high, values.amax(axes))
        if not (self.low.isfinite().all() and self.high.isfinite().all()):
            raise ExportError(
                "`recover`: values in the network are NaN or infinite on the calibration inputs; check the "
                "weights of the checkpoint"
            )

    class Calls(LayerCalls):
        """Adds the input of each layer."""

        def __init__(self, extremes: list[_Extremes]) -> None:
            super().__init__()
            self.extremes = extremes
            self.is_first = not extremes

        def call_layer(
            self, number: int, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Tensor:
            if self.is_first:
                self.extremes.append(_Extremes(is_depthwise(func, args, kwargs)))
            if number < len(self.extremes):
                self.extremes[number].add(args[0])
            return super().call_layer(number, func, args, kwargs)


class _HistogramCalls(LayerCalls):
    """Adds the input of each layer to its histogram."""

    def __init__(self, extremes: Sequence[_Extremes], histograms: list[Any]) -> None:
        super().__init__()
        self.extremes, self.histograms = extremes, histograms

    def call_layer(
        self, number: int, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        each = self.extremes[number]
        if not each.is_per_channel:
            _add_to_histogram(self.histograms[number], args[0], each)
        return super().call_layer(number, func, args, kwargs)


def _rounding(extremes: _Extremes, histogram: Any) -> InputRounding:
    low, high = extremes.low, extremes.high
    if extremes.is_per_channel:
        width = high - low
        scale = torch.maximum(width, width.max() / MAX_RATIO) / LEVELS
    else:
        bounds = best_range(histogram, float(low), float(high))
        low, high = map(torch.tensor, bounds)
        scale = (high - low) / LEVELS
    scale = scale.float().clamp_min(MIN_SCALE)
    return InputRounding(scale, (-low / scale).round().clamp(0, LEVELS).int())
