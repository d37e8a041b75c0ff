from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.checkpoints.sample import open_sample
from posedeploy.types import Model

SHA256 = "e0f86922e20b9314a020f08d30bb8566c40b54ab34f9634d6bf5e14ae303ae4f"


@pytest.fixture(scope="module")
def sample() -> Model:
    return open_sample()


def test_the_sample_is_the_same_on_every_machine(sample: Model) -> None:
    assert sample.sha256 == SHA256
    assert sample.source is None


def test_the_sample_is_a_checkpoint_like_any_other(sample: Model, tmp_path: Path) -> None:
    torch.save(sample.module.state_dict(), tmp_path / "a.pth")
    assert open_checkpoint(tmp_path / "a.pth").spec == sample.spec


def test_activations_of_the_sample_are_of_the_size_of_trained_ones(sample: Model) -> None:
    image = torch.rand(1, 3, 128, 160, generator=torch.Generator().manual_seed(0)) - 0.5
    with torch.inference_mode():
        features = sample.module.get_submodule("model")(image)
        outputs = sample.module(image)
    assert 0.1 < features.std() < 10
    for output in outputs:
        assert torch.isfinite(output).all()
        assert 0.1 < output.abs().max() < 5
