from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.checkpoints.sample import WEIGHTS, open_sample
from posedeploy.types import Model

SHA256 = "7e26d60495b7ef50ba7d61151729d35e9e88e3725089a4efb8370ac6bec937af"


@pytest.fixture(scope="module")
def sample() -> Model:
    return open_sample()


def test_the_sample_is_the_file_in_the_package(sample: Model) -> None:
    assert sample.sha256 == SHA256 == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert sample.source is None
    assert 7e6 < WEIGHTS.stat().st_size < 9e6


def test_the_sample_is_an_ordinary_checkpoint(sample: Model, tmp_path: Path) -> None:
    torch.save(sample.module.state_dict(), tmp_path / "a.pth")
    assert open_checkpoint(tmp_path / "a.pth").spec == sample.spec
    assert open_checkpoint(WEIGHTS).spec == sample.spec


def test_the_16_bit_weights_become_float32(sample: Model) -> None:
    for tensor in sample.module.state_dict().values():
        if tensor.is_floating_point():
            assert tensor.dtype == torch.float32
            np.testing.assert_array_equal(tensor.half().float(), tensor)


def test_the_model_card_names_the_hash_and_the_purpose() -> None:
    card = WEIGHTS.with_suffix(".md").read_text(encoding="utf-8")
    assert "not photographs" in card
    assert SHA256 in card


def test_the_heatmaps_have_the_range_of_heatmaps(sample: Model) -> None:
    image = torch.zeros(1, 3, 128, 160)
    with torch.inference_mode():
        outputs: tuple[Tensor, ...] = sample.module(image)
    for output in outputs:
        assert torch.isfinite(output).all()
        assert output.abs().max() < 2
