"""How a noise floor widens the tolerances of parity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posedeploy.benchmarks.noise_floor import NoiseFloor, OutputNoise
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.runner_comparison import compare_outputs
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.types import Tensors
from tests.benchmarks.changed_runner import (
    SPEC,
    Change,
    ChangedRunner,
    compare_changed,
    decode_crowd,
    in_place,
    noise_pairs,
)
from tests.predict.conftest import CrowdRunner

FLOOR = NoiseFloor(
    "cuda", "fp32", {name: OutputNoise(1e-3, 1e-5, 1e-4) for name in ("heatmaps", "pafs")}, 6, 36
)


def _by_floor(change: Change, floor: NoiseFloor = FLOOR, tolerance: Tolerance | None = None) -> Parity:
    return compare_outputs(
        "x.engine",
        CrowdRunner(SPEC),
        ChangedRunner(change),
        noise_pairs(),
        tolerance=tolerance or Tolerance(),
        decode=decode_crowd,
        floor=floor,
    )


def _add(amount: float, everywhere: bool = False) -> Change:
    def change(outputs: Tensors) -> None:
        pafs = outputs["pafs"]
        largest = float(np.abs(pafs).max())
        pafs[(...,) if everywhere else (0, 0, 0, 0)] += amount * largest

    return in_place(change)


def test_at_most_twice_the_noise_floor_passes() -> None:
    assert _by_floor(_add(1.9e-3)).passed
    assert not compare_changed(_add(1.9e-3)).passed
    (failure,) = _by_floor(_add(2.1e-3)).failures
    assert failure.startswith("pafs[0, 0, 0, 0] on picture 1 is ")
    assert failure.endswith(
        ": 2.1e-03 of the largest value, tolerance 2.0e-03 (noise floor of PyTorch fp32 on cuda: 1.0e-03)"
    )


def test_an_offset_within_the_largest_noise_fails_by_its_rms_difference() -> None:
    """A missing bias is a small difference everywhere; noise is large in few places only."""
    (failure,) = _by_floor(_add(5e-4, everywhere=True)).failures
    assert failure == (
        "pafs on picture 1: RMS difference 5.0e-04 of the largest value, tolerance 1.0e-04 (noise floor of "
        "PyTorch fp32 on cuda: 1.0e-05)"
    )


def test_a_noise_floor_does_not_widen_a_tolerance_that_the_user_passes() -> None:
    assert not _by_floor(_add(1.9e-3), tolerance=Tolerance(is_fixed=True)).passed


def test_infinite_noise_does_not_widen_the_tolerance() -> None:
    endless = replace(FLOOR, outputs={"pafs": OutputNoise(np.inf, np.inf, np.inf)})
    parity = _by_floor(_add(1.9e-3), endless)
    assert parity.failures[0].endswith("tolerance 1.0e-04 (noise floor of PyTorch fp32 on cuda: inf)")
    assert not endless.exceeds(Tolerance())
    assert FLOOR.exceeds(Tolerance()) and not FLOOR.exceeds(Tolerance(rtol=3e-3))
