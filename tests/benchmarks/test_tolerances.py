"""The precision whose tolerances a file has."""

from __future__ import annotations

import pytest

from posedeploy.benchmarks.tolerances import coarsest_precision


@pytest.mark.parametrize(
    ("reported", "weights", "coarsest"),
    [
        ("fp32", "fp16", "fp16"),
        ("fp32", "fp32", "fp32"),
        ("bf16+fp32", "fp16", "bf16+fp32"),
        ("tf32", "fp16", "tf32"),
        ("fp32+int8", "int8", "fp32+int8"),
        ("as in the file", "fp16", "as in the file"),
        ("fp32", "unknown", "fp32"),
    ],
)
def test_weights_coarser_than_the_arithmetic_set_the_tolerances(
    reported: str, weights: str, coarsest: str
) -> None:
    assert coarsest_precision(reported, weights) == coarsest
