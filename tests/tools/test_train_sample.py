"""Training goes on where it stopped, and what it saves is a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posedeploy.checkpoints.loading import open_checkpoint
from tools.train_sample import PEAK_RATE, WARM_UP, new_training, rate, save, step
from tools.training_data import Batches, Phase

SMALL = Phase(((64, 64),), 4 * 64 * 64, fitted=True)


def test_the_rate_rises_and_falls() -> None:
    assert rate(0.0) < rate(WARM_UP / 2) < rate(WARM_UP) == PEAK_RATE
    assert rate(WARM_UP) > rate(0.5) > rate(0.9) > rate(1.0) > 0


@pytest.mark.slow
def test_a_run_that_stopped_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    batches = Batches(1, SMALL)
    training = new_training("cpu")
    step(training, batches[0], "cpu")
    torch.save(training.state(), tmp_path / "training.pt")
    expected = [step(training, batches[number], "cpu") for number in (1, 2)]

    again = new_training("cpu")
    again.restore(torch.load(tmp_path / "training.pt", weights_only=True))
    assert (again.steps, again.images) == (1, 4)
    found = [step(again, batches[number], "cpu") for number in (1, 2)]
    assert found == pytest.approx(expected, rel=0.02)
    for weights, matrix in again.matrices:
        assert weights.data_ptr() == matrix.data_ptr()

    save(again, tmp_path / "sample.safetensors")
    model = open_checkpoint(tmp_path / "sample.safetensors")
    kept = again.averaged.state_dict()["model.0.0.weight"]
    assert torch.equal(model.module.state_dict()["model.0.0.weight"], kept.half().float())
