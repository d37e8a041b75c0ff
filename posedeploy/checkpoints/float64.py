"""A network in float64: what its weights really give, for where float32 itself is in question."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from posedeploy.types import Model


class InFloat64(nn.Module):
    """A copy of a network that computes in float64, and gives float64."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).double()

    def forward(self, *inputs: Tensor) -> Any:
        return self.network(*(data.double() if data.is_floating_point() else data for data in inputs))


def in_float64(model: Model) -> Model:
    """The same model, its arithmetic in float64; the weights are those of the checkpoint."""
    return replace(model, module=InFloat64(model.module).eval())
