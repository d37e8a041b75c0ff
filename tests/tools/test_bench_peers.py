"""The table of ``bench_peers``, and the comparison of outputs in it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tools.bench_peers import EAGER, Row, _difference, table


def test_a_peer_that_cannot_be_measured_has_a_row_with_the_reason() -> None:
    repeat: dict[str, Row | str] = {
        EAGER: Row((0.02,) * 20, 0.0, "2 threads"),
        "fast": Row((0.01,) * 20, 1e-6, "bf16"),
        "LiteRT": "ModuleNotFoundError: No module named 'a|b'",
    }
    lines = [*table([repeat, repeat], list(repeat))]
    assert lines[2] == f"| {EAGER} | 20.0 (20.0 to 20.0) | 1.00 (1.00 to 1.00) | 0.0e+00 | 2 threads |"
    assert lines[3].startswith("| fast | 10.0 (10.0 to 10.0) | 2.00 (2.00 to 2.00) | 1.0e-06 |")
    assert lines[4] == "| LiteRT | | | | not measured: ModuleNotFoundError: No module named 'a/b' |"


@pytest.mark.parametrize(("shape", "difference"), [((2, 3), 0.25), ((3, 2), math.nan)])
def test_outputs_of_other_shapes_have_no_difference(shape: tuple[int, ...], difference: float) -> None:
    reference = np.full((2, 3), 4.0)
    assert _difference([np.full(shape, 3.0)], [reference]) == pytest.approx(difference, nan_ok=True)
