"""The factors that give the channels before a depthwise layer the same range, without changing the results.

An INT8 tensor has one scale for all channels. The ranges of the channels that a depthwise layer reads may
differ by a factor of a thousand, so that most of them would have only a few steps. Therefore, each channel of
the layer before it is divided by a factor, and its depthwise weights are multiplied by the same factor
(cross-layer equalization: Nagel et al., 2019, https://arxiv.org/abs/1906.04721). The weights of both layers
have one scale per channel, so the factors cost no accuracy.
"""

from __future__ import annotations

import numpy as np

from posedeploy.types import Array

MAX_RATIO = 64.0
"""The largest ratio of two factors. With a larger one, a channel that is nearly unused in the calibration
inputs would exceed the range in other inputs."""


def find_factors(largest: Array) -> Array | None:
    """Return the factor of each channel, at most 1; None if no channel has finite values above 0.

    Args:
        largest: (channels,) the largest absolute value of each channel.
    """
    peak = float(largest.max(initial=0.0))
    if not 0 < peak < np.inf:  # also for NaN
        return None
    factors: Array = np.maximum(largest.astype(np.float64) / peak, 1 / MAX_RATIO)
    return factors
