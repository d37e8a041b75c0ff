from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from posedeploy.checkpoints.float64 import InFloat64, in_float64
from posedeploy.flatten import flat
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.specs import joints_spec
from posedeploy.types import Model
from tests.support.lifting import small_gtrs, small_pose2mesh


def check_outputs(model: Model, data: Tensor) -> None:
    """The same from both but for rounding, and the first as it was."""
    exact = in_float64(model)
    with torch.inference_mode():
        pairs = list(zip(flat(model.module(data)), flat(exact.module(data)), strict=True))
    for single, double in pairs:
        assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
        assert torch.allclose(single.double(), double, rtol=1e-4, atol=1e-5 * float(double.abs().max()))
    assert all(parameter.dtype == torch.float32 for parameter in model.module.parameters())
    assert exact.sha256 == model.sha256


def test_a_network_in_float64_is_the_same_network(tiny: Model) -> None:
    check_outputs(tiny, torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("make", [small_pose2mesh, small_gtrs])
def test_a_network_on_joints_in_float64_is_the_same_network(make: Callable[[], nn.Module]) -> None:
    spec = joints_spec("gtrs", JOINT_SETS["human36"], 20)
    model = Model(make(), spec, Path("a.pth"), "")
    check_outputs(model, torch.randn(3, 17, 2, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(
    ("multiplier", "kernel", "options"),
    [
        (1, 3, {"padding": 1}),
        (1, (5, 3), {"padding": (2, 1), "stride": (2, 1), "bias": False}),
        (2, 3, {"padding": 2, "dilation": 2, "stride": 2}),
        (1, 3, {"padding": "same"}),
        (1, 4, {}),
    ],
)
def test_depthwise_convolutions_are_those_of_pytorch(
    multiplier: int, kernel: int | tuple[int, int], options: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(6, 6 * multiplier, kernel, groups=6, **options).double().eval()
    data = torch.randn(2, 6, 17, 19, dtype=torch.float64)
    with torch.inference_mode():
        assert torch.allclose(InFloat64(network)(data), network(data), rtol=1e-12, atol=1e-12)
