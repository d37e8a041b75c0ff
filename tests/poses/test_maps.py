"""Strides of maps."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.maps import find_stride
from posedeploy.types import Placement


def _placement(width: int, height: int) -> Placement:
    return Placement(1.0, (0, 0), (width, height), (width, height))


@pytest.mark.parametrize(
    ("cells", "pixels", "described", "stride"),
    [
        ((57, 32), (456, 256), None, 8),
        ((57, 32), (456, 256), 8, 8),
        ((33, 33), (257, 257), 8, 8),
        ((32, 32), (257, 257), 8, 8),
        ((17, 9), (257, 129), 16, 16),
    ],
)
def test_the_stride_follows_from_the_sizes_or_the_description(
    cells: tuple[int, int], pixels: tuple[int, int], described: int | None, stride: float
) -> None:
    assert find_stride(np.zeros((1, *cells[::-1])), _placement(*pixels), described) == stride


@pytest.mark.parametrize(
    ("cells", "pixels", "described", "message"),
    [
        (
            (33, 32),
            (257, 257),
            None,
            "7.78788 px per cell in width, but .* write stride under",
        ),
        ((33, 33), (257, 257), 4, "33x33 cells do not match an input of 257x257 px at the stride 4"),
        ((33, 31), (257, 257), 8, "at the stride 8 of the model's description; correct stride"),
    ],
)
def test_maps_of_another_size_are_rejected(
    cells: tuple[int, int], pixels: tuple[int, int], described: int | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        find_stride(np.zeros((1, *cells[::-1])), _placement(*pixels), described)
