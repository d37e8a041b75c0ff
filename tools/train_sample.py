"""Trains the built-in sample: lightweight-openpose-2d on drawn people.

``python tools/train_sample.py --minutes 110 -o FOLDER`` trains for that long on the CPU (or on a GPU where
there is one), going on where a run into the same folder stopped, writes ``FOLDER/sample.safetensors`` (16
bits) and ``FOLDER/log.jsonl``, and prints AP and AR on held-out images. Copied to
``posedeploy/checkpoints/``, the file is the sample.

Time is the budget: the learning rate follows the share of it that is used up, so that a slow machine trains
less, not longer.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

# Each image size needs hundreds of convolutions that oneDNN compiles, which takes seconds: keep them all.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384")

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import files
from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d
from tools.training_data import Batch, Batches

SEED = 1
"""Of the images that it trains on; all other seeds are held out."""
PEAK_RATE = 2e-3
WARM_UP = 0.02
"""The share of the time in which the learning rate rises; then it falls as a cosine."""
WEIGHT_DECAY = 1e-3
AVERAGE = 0.998
"""Each step moves the averaged weights, which are those that are kept, by the rest of this."""
CLIP = 50.0
"""Longer gradients are cut to this length."""
SAVE_EVERY_S = 240.0
LOG_EVERY = 25


@dataclass
class Training:
    """All that a run needs to go on: the network, its averaged copy, the optimizer, and what was used up."""

    network: nn.Module
    averaged: nn.Module
    optimizer: torch.optim.Optimizer
    steps: int = 0
    images: int = 0
    used_s: float = 0.0
    refused: int = 0

    def state(self) -> dict[str, Any]:
        """For ``torch.save``."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": (self.steps, self.images, self.used_s, self.refused),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` gave."""
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps, self.images, self.used_s, self.refused = state["progress"]


def new_training(device: str) -> Training:
    """A network with random weights (He et al., arXiv:1502.01852), its last layers near zero."""
    torch.manual_seed(SEED)
    network = LightweightOpenPose2d()
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(
                module.weight, mode="fan_out" if module.groups > 1 else "fan_in", nonlinearity="relu"
            )
            if name.endswith(("heatmaps.1.0", "pafs.1.0")):
                nn.init.normal_(module.weight, std=0.005)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
                if name.endswith("heatmaps.1.0"):
                    module.bias.data[-1] = 1.0  # the last map is the background, which is nearly everywhere
    averaged = LightweightOpenPose2d()
    averaged.load_state_dict(network.state_dict())
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged.to(device).eval().requires_grad_(False)
    decayed = [tensor for tensor in network.parameters() if tensor.ndim > 1]
    others = [tensor for tensor in network.parameters() if tensor.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
    return Training(network, averaged, torch.optim.AdamW(groups, lr=PEAK_RATE, weight_decay=WEIGHT_DECAY))


def rate(share: float) -> float:
    """The learning rate when this share of the time is used up."""
    if share < WARM_UP:
        return PEAK_RATE * max(share / WARM_UP, 0.01)
    return PEAK_RATE * max(0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))), 1e-3)


def loss_of(outputs: tuple[Tensor, ...], batch: Batch) -> Tensor:
    """Squared differences over every stage, people and limbs counting more than the ground; per image."""
    total = torch.zeros((), device=batch.mask.device)
    for heatmaps, pafs in zip(outputs[0::2], outputs[1::2], strict=True):
        for found, wanted in ((heatmaps.float(), batch.heatmaps), (pafs.float(), batch.pafs)):
            weight = batch.mask * (1 + 3 * wanted.abs())
            total = total + (weight * (found - wanted) ** 2).sum()
    return total / len(batch.images) / 2


def step(training: Training, batch: Batch, device: str) -> float:
    """One step of the optimizer; the loss."""
    batch = Batch(*(getattr(batch, field.name).to(device) for field in fields(Batch)))
    with torch.autocast(device.partition(":")[0], torch.bfloat16):
        outputs = training.network(batch.images.contiguous(memory_format=torch.channels_last))
    loss = loss_of(outputs, batch)
    training.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    length = nn.utils.clip_grad_norm_(training.network.parameters(), CLIP)
    training.steps += 1
    if not torch.isfinite(length):
        # oneDNN's bfloat16 gradients are NaN now and then (PyTorch 2.13 on two AVX-512 cores); such a step is
        # counted, and not taken.
        training.refused += 1
        return float("nan")
    training.optimizer.step()
    training.images += len(batch.images)
    keep = min(AVERAGE, (1 + training.steps) / (10 + training.steps))
    with torch.no_grad():
        for old, new in zip(
            training.averaged.state_dict().values(), training.network.state_dict().values(), strict=True
        ):
            if old.is_floating_point():
                old.lerp_(new, 1 - keep)
    return loss.item()


def train(training: Training, folder: Path, budget_s: float, device: str, workers: int) -> None:
    """Train until the budget is used up, saving now and then."""
    numbers = range(training.steps, training.steps + 10**7)
    loader = DataLoader(
        Batches(SEED), batch_size=None, sampler=numbers, num_workers=workers, prefetch_factor=4
    )  # fmt: skip
    saved = last = time.monotonic()
    recent: list[float] = []
    training.network.train()
    for batch in loader:
        for group in training.optimizer.param_groups:
            group["lr"] = rate(training.used_s / budget_s)
        loss = step(training, batch, device)
        recent += [loss] if math.isfinite(loss) else []
        now = time.monotonic()
        training.used_s += now - last
        last = now
        if training.steps % LOG_EVERY == 0:
            _log(training, folder, sum(recent) / max(1, len(recent)), budget_s)
            recent.clear()
        done = training.used_s >= budget_s
        if done or now - saved > SAVE_EVERY_S:
            saved = now
            with files.staged(folder) as stage:
                torch.save(training.state(), stage / "training.pt")
        if done:
            return


def _log(training: Training, folder: Path, loss: float, budget_s: float) -> None:
    line = {
        "step": training.steps,
        "images": training.images,
        "seconds": round(training.used_s, 1),
        "rate": rate(training.used_s / budget_s),
        "loss": round(loss, 3),
        "refused_steps": training.refused,
    }
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    print(line, flush=True)


def save(training: Training, path: Path) -> None:
    """The averaged weights as a 16-bit safetensors file."""
    halved = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in training.averaged.cpu().state_dict().items()
    }
    with files.staged(path.parent) as stage:
        save_file(halved, stage / path.name)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=110.0)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/training"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    training = new_training(given.device)
    kept = given.output / "training.pt"
    if kept.exists():
        training.restore(torch.load(kept, map_location=given.device, weights_only=True))
    train(training, given.output, given.minutes * 60, given.device, given.workers)
    save(training, given.output / "sample.safetensors")


if __name__ == "__main__":
    main()
