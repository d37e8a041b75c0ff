from __future__ import annotations

import torch

from posedeploy.checkpoints.exact import in_float64
from posedeploy.nesting import flat
from posedeploy.types import Model


def test_a_network_in_float64_is_the_same_network(tiny: Model) -> None:
    image = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    exact = in_float64(tiny)
    with torch.inference_mode():
        pairs = list(zip(flat(tiny.module(image)), flat(exact.module(image)), strict=True))
    for single, double in pairs:
        assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
        assert torch.allclose(single.double(), double, rtol=1e-4, atol=1e-5)
    assert all(parameter.dtype == torch.float32 for parameter in tiny.module.parameters())
    assert exact.sha256 == tiny.sha256
