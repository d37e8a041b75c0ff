"""Training of the sample: resuming, and the saved checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from posedeploy.checkpoints.loading import open_checkpoint
from tools import train_sample
from tools.train_sample import PEAK_RATE, WARM_UP, loss_of, new_training, rate, save, step, train
from tools.training_data import Batch, Batches, Phase

SMALL = Phase(((64, 64),), 4 * 64 * 64, fits_person=True)


def test_the_learning_rate_rises_and_falls() -> None:
    assert rate(0.0) < rate(WARM_UP / 2) < rate(WARM_UP) == PEAK_RATE
    assert rate(WARM_UP) > rate(0.5) > rate(0.9) > rate(1.0) > 0


def test_masked_cells_do_not_change_the_loss() -> None:
    mask = torch.ones(1, 1, 8, 8)
    mask[..., :4] = 0
    parts = torch.zeros(1, 8, 8, dtype=torch.int64)
    batch = Batch(torch.zeros(1, 3, 64, 64), torch.rand(1, 19, 8, 8), torch.rand(1, 38, 8, 8), parts, mask)
    outputs = [torch.rand(1, channels, 8, 8) for channels in (19, 38, 19, 38, 6)]
    before = loss_of(tuple(outputs), batch)
    for number in range(4):
        hidden, seen = (list(outputs) for _ in range(2))
        hidden[number] = outputs[number] + (mask == 0)
        seen[number] = outputs[number] + (mask == 1)
        assert loss_of(tuple(hidden), batch) == before
        assert loss_of(tuple(seen), batch) != before


@pytest.mark.slow
def test_training_saves_logs_and_ends_at_its_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for phase in ("CLOSE_CROPS", "WIDE_CROPS"):
        monkeypatch.setattr(train_sample, phase, SMALL)
    monkeypatch.setattr(train_sample, "LOG_EVERY", 1)
    training = new_training("cpu")
    train(training, tmp_path, 1.0, "cpu", workers=0)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, training.steps + 1))
    assert training.used_s >= 1.0 and lines[-1]["images"] == training.images == 4 * training.steps

    again = new_training("cpu")
    again.restore(torch.load(tmp_path / "training.pt", weights_only=True))
    assert (again.steps, again.used_s) == (training.steps, training.used_s)
    train(again, tmp_path, 1.0, "cpu", workers=0)
    assert again.steps == training.steps, "its time is used up"
    train(again, tmp_path, again.used_s + 0.5, "cpu", workers=0)
    assert again.steps > training.steps


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
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
