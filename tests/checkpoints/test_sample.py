from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.checkpoints.sample import open_sample
from posedeploy.types import Model

SHA256 = "d8bf09833bf3cc1658f3dc33ad67a1287f142e6d6bb729f14ad936e4cadebe47"


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
        assert 0.5 < output.abs().max() < 2
