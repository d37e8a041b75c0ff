"""Model folders of the transformers library as checkpoints of the whole pipeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import posedeploy
from tests.support.model_folders import write_sapiens, write_vitpose

TARGETS = ("torchscript", "onnx", "openvino", "tflite", "aoti")
IMAGE = np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8)
BOXES = np.array([[20.0, 10.0, 60.0, 100.0]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vitpose(tmp_path_factory.mktemp("hub") / "vitpose", experts=2)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_target_has_the_poses_of_the_folder(target: str, folder: Path, tmp_path: Path) -> None:
    artifacts = posedeploy.export(posedeploy.load_checkpoint(folder), target, tmp_path)
    report = posedeploy.compare(artifacts)
    assert report.passed, report.failures
    with posedeploy.load(folder) as reference, posedeploy.load(artifacts[0].path) as network:
        expected, actual = reference(IMAGE, boxes=BOXES), network(IMAGE, boxes=BOXES)
    np.testing.assert_allclose(actual.keypoints, expected.keypoints, atol=0.05)


@pytest.mark.slow
def test_a_folder_of_sapiens_is_exported(tmp_path: Path) -> None:
    folder = write_sapiens(tmp_path / "sapiens2-0.1b")
    artifacts = posedeploy.export(posedeploy.load_checkpoint(folder), "onnx", tmp_path / "out")
    assert artifacts[0].path.name == "sapiens2-0.1b.onnx"
    report = posedeploy.compare(artifacts)
    assert report.passed, report.failures


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_exported(folder: Path, tmp_path: Path) -> None:
    before = sorted(folder.iterdir())
    folder.chmod(0o555)
    try:
        artifacts = posedeploy.export(posedeploy.load_checkpoint(folder), "torchscript", tmp_path)
        assert posedeploy.benchmark([folder, artifacts[0].path], runs=5).results
    finally:
        folder.chmod(0o755)
    assert sorted(folder.iterdir()) == before
