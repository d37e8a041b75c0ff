"""The layers of a network that a target can quantize. A budget selects those that stay in floating point.

A converter that quantizes passes a ``QuantizableNetwork`` to ``Prepared.write_quantized``. Without a budget,
that writes the network with all these layers in INT8. With a budget, it writes trial files in other folders,
and returns the first choice of float layers whose poses stay within the budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from posedeploy.convert.conversion import Conversion

EARLY_LAYERS_DIVISOR = 4
"""In mixed precision, one of this many layers stays in floating point: the first ones in graph order."""
ELEMENT_COST = 32.0
"""The time to write an element of an output, in multiplications: layers with few of these, such as depthwise
ones, are limited by memory."""


def estimate_cost(
    output: Sequence[int], weights: Sequence[int], kernel_positions: Sequence[int], channel_axis: int
) -> float:
    """Return the multiplications of a layer, and ``ELEMENT_COST`` for each element of its output.

    Args:
        output, weights: the shapes of these.
        kernel_positions: the shape of the tensor whose positions the kernel is applied at: the output, or for
            a transposed convolution the input.
        channel_axis: that of ``kernel_positions``.
    """
    products = math.prod(kernel_positions) * math.prod(weights)
    channels = kernel_positions[channel_axis] if kernel_positions else 1  # a product of two vectors has none
    multiplications = products / max(channels, 1)
    return multiplications + ELEMENT_COST * math.prod(output)


@dataclass(frozen=True)
class Layer:
    """A layer that is written in INT8 unless it is selected as a float layer.

    name: unique in the network, the target's own. cost: the estimated additional time
    of the layer in floating point, in the same unit for all layers, such as its multiplications.
    """

    name: str
    cost: float


WriteQuantized: TypeAlias = Callable[[Collection[str], Path], Conversion]
"""Writes the model file at a path with the layers of these names in floating point and the others in INT8.

It is called several times and must give the same file for the same names. Whatever does not depend on the
names, such as calibration, should happen before the first call or only in it.
"""


@dataclass(frozen=True)
class QuantizableNetwork:
    """A network that a target can write with a choice of layers in floating point.

    layers: in the order of the graph, without those that stay in floating point in every quantized file.
    """

    layers: tuple[Layer, ...]
    write: WriteQuantized


WriteChosen: TypeAlias = Callable[[QuantizableNetwork, Path], Conversion]
"""Writes a network to a path with some choice of float layers."""


def write_all_quantized(network: QuantizableNetwork, path: Path) -> Conversion:
    """Write a network with all its layers in INT8."""
    return network.write((), path)
