"""Trained weights on real photographs, loaded with the example of a user's own network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from posedeploy.checkpoints.user_network import open_user_network
from posedeploy.predict.chain import Predictor
from posedeploy.predict.run import predict
from posedeploy.predict.sources import open_source
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Artifact, RunOptions

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "human_pose_estimation_0001.py"


@pytest.mark.parametrize("name", ["skiers", "one-person"])
def test_the_poses_equal_the_published_ones(name: str, real: Path, tmp_path: Path) -> None:
    model = open_user_network(real / "human-pose-estimation-0001.pth", f"{EXAMPLE}:build")
    expected = np.load(real / f"{name}.npz")
    source = open_source(str(real / f"{name}.jpg"))
    with PyTorchRunner(model, RunOptions()) as runner:
        (frame,) = source
        poses = Predictor(runner, model.spec)(frame.image)
        artifact = Artifact(real / "human-pose-estimation-0001.pth", "pytorch", model.spec, "fp32")
        predict(source, runner, artifact, tmp_path)
    np.testing.assert_allclose(poses.keypoints, expected["poses"], atol=1e-3)
    np.testing.assert_allclose(poses.scores, expected["confidence"], rtol=1e-4)
    people = json.loads((tmp_path / "poses.json").read_text())["annotations"]
    written = np.reshape([person["keypoints"] for person in people], expected["poses"].shape)
    found = expected["poses"][..., 2] >= 0
    np.testing.assert_allclose(written[found][:, :2], expected["poses"][found][:, :2], atol=2e-3)
