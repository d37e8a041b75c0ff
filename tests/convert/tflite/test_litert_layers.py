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


@pytest.mark.parametrize("size", [[12, 14], [2, 3, 12, 14], [13, 14], [13, 15]])
def test_the_size_of_the_result_can_be_passed(size: list[int]) -> None:
    layer, x = nn.ConvTranspose2d(5, 3, 4, 2, 1), torch.randn(2, 5, 6, 7)
    torch.testing.assert_close(SubPixel(layer)(x, output_size=size), layer(x, output_size=size))


class Doubled(nn.ConvTranspose2d):
    """A layer with the same options that computes something else."""

    def forward(self, x: torch.Tensor, output_size: list[int] | None = None) -> torch.Tensor:
        return 2 * super().forward(x, output_size)


@pytest.mark.parametrize(
    "layer",
    [
        nn.ConvTranspose2d(4, 4, 3, 2, 1),
        nn.ConvTranspose2d(4, 4, 4, 2, 0),
        nn.ConvTranspose2d(4, 4, 4, 2, 1, output_padding=1),
        nn.ConvTranspose2d(4, 4, 4, 2, 1, groups=2),
        Doubled(4, 4, 4, 2, 1),
    ],
)
def test_other_transposed_convolutions_stay(layer: nn.ConvTranspose2d) -> None:
    assert not SubPixel.replaces(layer)


def test_elu() -> None:
    x = torch.linspace(-8, 8, 101)
    torch.testing.assert_close(Elu()(x), nn.functional.elu(x), rtol=0, atol=1e-6)
