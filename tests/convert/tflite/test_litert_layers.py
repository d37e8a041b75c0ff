"""Layers rewritten for LiteRT compute the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from posedeploy.convert.tflite.litert_layers import Elu, SubPixel


@pytest.mark.parametrize("bias", [False, True])
def test_four_convolutions_equal_the_transposed_one(bias: bool) -> None:
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(5, 3, 4, 2, 1, bias=bias).double()
    x = torch.randn(2, 5, 6, 7, dtype=torch.float64)
    assert SubPixel.replaces(layer)
    torch.testing.assert_close(SubPixel(layer)(x), layer(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        nn.ConvTranspose2d(4, 4, 3, 2, 1),
        nn.ConvTranspose2d(4, 4, 4, 2, 0),
        nn.ConvTranspose2d(4, 4, 4, 2, 1, output_padding=1),
        nn.ConvTranspose2d(4, 4, 4, 2, 1, groups=2),
    ],
)
def test_other_transposed_convolutions_stay(layer: nn.ConvTranspose2d) -> None:
    assert not SubPixel.replaces(layer)


def test_elu() -> None:
    x = torch.linspace(-8, 8, 101)
    torch.testing.assert_close(Elu()(x), nn.functional.elu(x), rtol=0, atol=1e-6)
