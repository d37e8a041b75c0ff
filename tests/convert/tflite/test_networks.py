"""Every network has the same outputs in LiteRT as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.convert.export import export
from posedeploy.flatten import flat
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Model, RunOptions
from tests.support.lifting import small_gtrs, small_pose2mesh, write
from tests.support.networks import write_crop_network
from tests.support.reference_cases import BUNDLED, BUNDLED_CASES, PUBLISHED, Case


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hg", "hg2d"])
def test_crop_networks(tmp_path: Path, name: str) -> None:
    check(open_checkpoint(write_crop_network(name, tmp_path / "a.pth")), tmp_path)


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_mobile_human_pose(tmp_path: Path) -> None:
    check(open_checkpoint(write_crop_network("mobile", tmp_path / "a.pth")), tmp_path)


@pytest.mark.usefixtures("small")
@pytest.mark.slow
@pytest.mark.parametrize("make", [small_pose2mesh, small_gtrs], ids=["pose2mesh", "gtrs"])
def test_joint_networks(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    mesh = tmp_path / "faces.npy" if make is small_pose2mesh else None
    check(open_checkpoint(write(make(), tmp_path / "a.pth.tar"), mesh=mesh), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED_CASES)
def test_bundled_published_networks(tmp_path: Path, name: str) -> None:
    check_published(Case(BUNDLED / name), tmp_path)


TESTED_SMALL = {"pose-hg-3d-msra50", "gtrs-human36", "pose2mesh-human36", "mobile-human-pose-lpski"}
"""Up to a minute each at full size; small ones with the same layers are in test_correct_exports.py or here.
tools/reference_table.py runs both."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - set(BUNDLED_CASES) - TESTED_SMALL))
def test_published_networks(tmp_path: Path, reference: Path, name: str) -> None:
    check_published(Case(reference / "cases" / name), tmp_path)


def check_published(case: Case, folder: Path) -> None:
    mesh = case.write_mesh(folder / "faces.npy")
    check(open_checkpoint(case.write(folder / "published.pth"), mesh=mesh), folder)


def check(model: Model, folder: Path) -> None:
    (artifact,) = export(model, ["tflite"], folder, "published")
    (tensor,) = artifact.spec.inputs
    shape = [int(length) for length in tensor.shape]
    data = np.random.RandomState(3).standard_normal(shape).astype(np.float32)
    with torch.inference_mode():
        wanted = flat((model.export_form or model.module)(torch.from_numpy(data)))
    with open_runner(artifact, RunOptions(threads=1)) as runner:
        found = runner.run({tensor.name: data})
    for (output, array), right in zip(found.items(), wanted, strict=True):
        assert np.abs(array - right.numpy()).max() < 1e-5 * right.abs().max(), output
