"""The built-in sample: lightweight-openpose-2d with fixed pseudo-random weights, untrained: no poses.

Speed and parity on it are real. Every tensor is drawn from NumPy's frozen ``RandomState`` stream, seeded by
the CRC-32 of its name, with the deviation that keeps activations of one size (He et al., arXiv:1502.01852).
"""

from __future__ import annotations

import hashlib
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
    stream = np.random.RandomState(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        return stream.uniform(0.9, 1.1, shape).astype(np.float32)
    if len(shape) == 4:
        fan_in = int(np.prod(shape[1:]))
        deviation = float(np.sqrt(_gain(name) / fan_in))
        return (stream.standard_normal(shape) * deviation).astype(np.float32)
    return (0.05 * stream.standard_normal(shape)).astype(np.float32)


def _gain(name: str) -> float:
    """2 before a ReLU; less for the last layer of each head, so that maps are in the range of trained
    ones."""
    last_of_head = name.endswith(("heatmaps.1.0.weight", "pafs.1.0.weight"))
    return 0.02 if last_of_head else 2.0
