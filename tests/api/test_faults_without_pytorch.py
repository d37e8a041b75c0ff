"""Faults planted in real artifacts are found and named without PyTorch: against another artifact, and with a
reference file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from posedeploy.benchmarks.parity import Parity
from tests.support.faulty_networks import GRAPHS, Graph
from tests.support.planted_faults import (
    NAMES,
    STAGES,
    compare_with_artifact,
    compare_with_reference,
)

Compare = Callable[[Graph, Path], Parity]
WAYS: dict[str, Compare] = {"against": compare_with_artifact, "reference": compare_with_reference}
QUICK = {("channels swapped", "against"), ("a swapped keypoint pair", "reference")}
UNNAMED = {"align_corners"}
"""Faults in a layer, which ``bisect`` finds."""


@pytest.mark.parametrize(
    ("name", "way"),
    [
        pytest.param(name, way, marks=() if (name, way) in QUICK else pytest.mark.slow)
        for name in GRAPHS
        for way in WAYS
    ],
)
def test_a_planted_fault_is_found_in_its_stage_and_named(name: str, way: str, tmp_path: Path) -> None:
    result = WAYS[way](GRAPHS[name], tmp_path)
    stages = [stage.stage for stage in result.stages if stage.status == "different"]
    assert stages == [STAGES.get(name, "preprocessing")]
    if name in UNNAMED:
        assert result.cause is None
    else:
        assert result.cause is not None and not result.cause.alternatives
        assert result.cause.name == NAMES[name]


@pytest.mark.parametrize("way", WAYS)
def test_a_correct_artifact_passes_in_all_stages(way: str, tmp_path: Path) -> None:
    result = WAYS[way](Graph(), tmp_path)
    assert result.passed and result.cause is None
    statuses = {stage.stage: stage.status for stage in result.stages}
    assert statuses == {"preprocessing": "same", "network": "within limits", "decoding": "not compared"}
