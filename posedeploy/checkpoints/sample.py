"""The built-in sample: lightweight-openpose-2d with fixed pseudo-random weights, untrained: no poses.

Speed and parity on it are real. Every tensor is drawn from NumPy's frozen ``RandomState`` stream, seeded by
the CRC-32 of its name, with the deviation that keeps activations of one size (He et al., arXiv:1502.01852).
The draws are uniform and the arithmetic is rounded step by step: a normal distribution would take the
platform's logarithm, whose last bit differs.
"""

from __future__ import annotations

import hashlib
import math
import zlib

import numpy as np
import torch
from torch import nn

from posedeploy.checkpoints import lightweight_openpose_2d
from posedeploy.types import Array, Model

NAME = "sample"


def open_sample() -> Model:
    """The sample as a model, the same to the last bit on every machine."""
    module = lightweight_openpose_2d.LightweightOpenPose2d()
    digest = hashlib.sha256()
    state = {}
    for name, tensor in module.state_dict().items():
        values = _values(name, tuple(tensor.shape))
        digest.update(name.encode() + values.tobytes())
        state[name] = torch.from_numpy(values)
    module.load_state_dict(state, strict=True)
    nn.Module.eval(module).requires_grad_(False)
    return Model(module, lightweight_openpose_2d.spec(), None, digest.hexdigest())


def _values(name: str, shape: tuple[int, ...]) -> Array:
    draws: Array = np.random.RandomState(zlib.crc32(name.encode())).random_sample(shape) * 2 - 1
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        return (1 + draws * 0.1).astype(np.float32)
    if len(shape) == 4:
        bound = math.sqrt(3 * _gain(name) / math.prod(shape[1:]))  # sqrt(3) deviations
        return (draws * bound).astype(np.float32)
    return (draws * 0.0866).astype(np.float32)  # a deviation of 0.05


def _gain(name: str) -> float:
    """2 before a ReLU; less for the last layer of a head: maps peak at about 1, as trained ones do."""
    if name.endswith(("heatmaps.1.0.weight", "pafs.1.0.weight")):
        return 0.1 if name.startswith("initial_stage") else 0.0015
    return 2.0
