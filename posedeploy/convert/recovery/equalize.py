"""Equalize the channels between layers of a PyTorch network, without changing its results.

Where a layer is followed only by operators with ``f(x / s) = f(x) / s`` and by convolutions, each channel of
its result is divided by a factor, and the weights of the convolutions for that channel are multiplied by it
(cross-layer equalization: Nagel et al., 2019, https://arxiv.org/abs/1906.04721). An input has one scale for
all channels, so that those with small values gain steps. The weights lose some, so the factors are those of
a few candidates for which the rounded convolutions have the smallest error. ``channel_groups`` finds the
layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from posedeploy.convert.recovery.channel_groups import ChannelGroup, find_groups, has_depthwise_form
from posedeploy.convert.recovery.fake_quantization import round_input, round_weights
from posedeploy.convert.recovery.layer_calls import LayerCalls, run
from posedeploy.convert.recovery.ranges import measure_values
from posedeploy.types import OnProgress

NORMS = (2.0, 4.0, float("inf"))
MIN_POWER = 1e-4
"""The least mean square of a channel of a result, relative to the largest."""
MAX_COMPARED = 4
"""The most inputs on which candidates are compared."""
MAX_FACTOR_RATIO = 8.0
"""The largest ratio of two factors. With a larger one, channels that are nearly unused in the measured inputs
would exceed the range in others."""
SHARES = (0.25, 0.5, 0.75, 1.0)
"""A candidate gives each channel a factor of its size, as one of the norms measures it, to the power of one
of the shares. The remaining share evens out the sizes of the weights."""


def equalize(
    network: nn.Module,
    inputs: Sequence[Sequence[Tensor]],
    float_layers: frozenset[int],
    on_progress: OnProgress,
) -> int:
    """Equalize a network in place, and return the number of results whose channels were scaled.

    Args:
        network: with parameters that require gradients.
        inputs: those on which the sizes of channels are measured; candidates are compared on a few of them.
        float_layers: the numbers of layers that do not round.
    """
    groups, scaled = find_groups(network, inputs[0]), 0
    norms = _measure_norms(network, inputs, {number for group in groups for number in group.readers})
    compared = [inputs[index] for index in range(0, len(inputs), -(-len(inputs) // MAX_COMPARED))]
    for index, group in enumerate(groups):
        on_progress("equalizing channels", index / len(groups))
        with torch.no_grad():
            calls = _read_group(network, compared, group, float_layers)
            factors = _find_factors(calls, [norms[number] for number in group.readers]) if calls else None
            if factors is None:
                continue
            scaled += 1
            for parameter in group.divided:
                parameter.div_(_along(factors, parameter, 0))
            for parameter in group.multiplied:
                parameter.mul_(_along(factors, parameter, _channel_axis(parameter)))
    return scaled


def _along(factors: Tensor, tensor: Tensor, axis: int) -> Tensor:
    """Return the factors in a shape that multiplies a tensor along an axis."""
    return factors.view(*[1] * axis, -1, *[1] * (tensor.dim() - axis - 1))


def _channel_axis(weights: Tensor) -> int:
    return 0 if has_depthwise_form(weights) else 1


def _find_factors(calls: Sequence[_Call], norms: Sequence[Sequence[Tensor]]) -> Tensor | None:
    """Return the factors with the smallest error; None if those of no candidate reduce it."""
    best, smallest = None, _measure_error(calls, None)
    weights = torch.stack([call.weight_sizes() for call in calls]).amax(0)
    candidates = [torch.stack(each).amax(0) for each in zip(*norms, strict=True)]
    for sizes, share in itertools.product(candidates, SHARES):
        factors = sizes**share / weights.clamp_min(weights.max() / MAX_FACTOR_RATIO) ** (1 - share)
        peak = factors.max()
        if not (peak > 0 and peak.isfinite()):
            continue
        factors = (factors / peak).clamp_min(1 / MAX_FACTOR_RATIO)
        error = _measure_error(calls, factors)
        if error < smallest:
            best, smallest = factors, error
    return best


def _measure_norms(
    network: nn.Module, inputs: Iterable[Sequence[Tensor]], numbers: Collection[int]
) -> dict[int, list[Tensor]]:
    """Return the norms of each channel in the inputs of these layers, in the order of ``NORMS``."""
    norms: dict[int, list[Tensor]] = {}
    with torch.no_grad():
        for tensors in inputs:
            run(network, tensors, _NormCalls(numbers, norms))
    return norms


class _NormCalls(LayerCalls):
    """Adds the norms of each channel in the inputs of some layers."""

    def __init__(self, numbers: Collection[int], norms: dict[int, list[Tensor]]) -> None:
        super().__init__()
        self.numbers, self.norms = numbers, norms

    def call_layer(self, number: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        if number in self.numbers:
            values = args[0].transpose(0, 1).flatten(1)
            new = [torch.linalg.vector_norm(values, norm, dim=1) for norm in NORMS]
            known = self.norms.get(number, [torch.zeros_like(each) for each in new])
            self.norms[number] = [
                torch.linalg.vector_norm(torch.stack(pair), norm, 0)
                for norm, *pair in zip(NORMS, known, new, strict=True)
            ]
        return super().call_layer(number, func, args, kwargs)


def _measure_error(calls: Sequence[_Call], factors: Tensor | None) -> float:
    """Return the squared error of rounded calls with these factors, relative to their results."""
    return sum(call.measure_error(factors) for call in calls)


@dataclass(frozen=True)
class _Call:
    """A call of a convolution that reads the channels of a group."""

    func: Any
    values: Tensor
    weights: Tensor
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def weight_sizes(self) -> Tensor:
        """Return the largest weight of each channel of the input."""
        return self.weights.abs().amax([axis for axis in range(self.weights.dim()) if axis != 1])

    def measure_error(self, factors: Tensor | None) -> float:
        """Return the squared error of the rounded call, relative to its result, as a mean over the channels.

        Small channels count as much as large ones, because the weights of later layers may enlarge them.
        """
        values, weights = self.values, self.weights
        if factors is not None:
            values, weights = values / _along(factors, values, 1), weights * _along(factors, weights, 1)
        rounded = round_input(values, measure_values(values)), round_weights(weights, 0)
        result = self.func(*rounded, *self.args, **self.kwargs)
        expected = self.func(self.values, self.weights, *self.args, **self.kwargs)
        error, power = (_channel_means((result - expected).square()), _channel_means(expected.square()))
        return float((error / power.clamp_min(MIN_POWER * power.max())).mean())


def _channel_means(values: Tensor) -> Tensor:
    return values.mean([axis for axis in range(values.dim()) if axis != 1])


def _read_group(
    network: nn.Module,
    inputs: Iterable[Sequence[Tensor]],
    group: ChannelGroup,
    float_layers: frozenset[int],
) -> list[_Call]:
    """Return the calls of the layers that read a group, without depthwise ones, which have one scale for each
    channel, and those that do not round."""
    calls: list[_Call] = []
    rounds = {
        number
        for number, weights in zip(group.readers, group.multiplied, strict=True)
        if number not in float_layers and not has_depthwise_form(weights)
    }
    if rounds:
        for tensors in inputs:
            run(network, tensors, _GroupCalls(rounds, calls))
    return calls


class _GroupCalls(LayerCalls):
    """Keeps the calls of some layers."""

    def __init__(self, numbers: set[int], calls: list[_Call]) -> None:
        super().__init__()
        self.numbers, self.calls = numbers, calls

    def call_layer(self, number: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        if number in self.numbers:
            self.calls.append(_Call(func, args[0].clone(), args[1], args[2:], kwargs))
        return super().call_layer(number, func, args, kwargs)
