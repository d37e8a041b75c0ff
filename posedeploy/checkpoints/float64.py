"""A network in float64, as a reference for the rounding errors of float32."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from posedeploy.types import Model


class InFloat64(nn.Module):
    """A copy of a network that computes in float64 and returns float64."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).double()

    def forward(self, *inputs: Tensor) -> Any:
        return self.network(*(data.double() if data.is_floating_point() else data for data in inputs))


def in_float64(model: Model) -> Model:
    """Return the model with its arithmetic in float64 and the weights of the checkpoint."""
    return replace(model, module=InFloat64(model.module).eval())
