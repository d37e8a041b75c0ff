"""The smallest network, one convolution: to check that a runtime works and to measure the cost of a call."""

from __future__ import annotations

from torch import nn

from posedeploy.types import Model, ModelSpec, TensorSpec


def probe(size: int = 8) -> Model:
    """Build a 3x3 convolution of ones over three channels: an input of ones gives 27 in every cell.

    Input ``data`` (1, 3, size, size), output ``sum`` (1, 1, size - 2, size - 2).
    """
    module = nn.Conv2d(3, 1, 3, bias=False).eval().requires_grad_(False)
    nn.init.ones_(module.weight)
    spec = ModelSpec(
        "probe",
        "one convolution",
        (TensorSpec("data", (1, 3, size, size), layout="NCHW"),),
        (TensorSpec("sum", (1, 1, size - 2, size - 2), layout="NCHW"),),
    )
    return Model(module, spec, None, "")
