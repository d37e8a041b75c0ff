"""Every fault that is planted in a layer, in prepared images or in a manifest is found, attributed to its
stage and named. test_planted_graphs.py has those in the graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.faulty_networks import GRAPHS
from tests.support.planted_faults import IN_LAYERS, diagnose, list_faults, plant

QUICK = "manifest: names"
OTHERS = [name for name in list_faults() if name not in GRAPHS or name in IN_LAYERS]


@pytest.mark.parametrize(
    "name", [each if each == QUICK else pytest.param(each, marks=pytest.mark.slow) for each in OTHERS]
)
def test_a_planted_fault_is_found_in_its_stage_and_named(name: str, tmp_path: Path) -> None:
    planted = plant(name, tmp_path)
    diagnosis = diagnose(planted)
    assert diagnosis.stages == (planted.stage,)
    assert planted.name in diagnosis.name


@pytest.mark.slow
@pytest.mark.parametrize("target", ["openvino", "tflite", "torchscript"])
@pytest.mark.parametrize("name", ["256 for 255", "outputs in another order", "batch items mixed up"])
def test_each_target_shows_planted_faults(name: str, target: str, tmp_path: Path) -> None:
    planted = plant(name, tmp_path, target)
    diagnosis = diagnose(planted)
    assert diagnosis.stages == (planted.stage,)
    assert planted.name in diagnosis.name


@pytest.mark.slow
@pytest.mark.parametrize("target", ["onnx", "openvino", "tflite", "torchscript"])
def test_an_artifact_without_a_fault_passes(target: str, tmp_path: Path) -> None:
    assert diagnose(plant("no fault", tmp_path, target)).stages == ()
