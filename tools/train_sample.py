"""Train the built-in sample: lightweight-openpose-2d on synthetic people.

``python tools/train_sample.py --minutes 117 -o FOLDER`` trains for that time on a GPU, if available, or on
the CPU. It resumes an earlier run in the same folder, writes ``FOLDER/sample.safetensors`` (16 bits) and
``FOLDER/log.jsonl``, and prints AP and AR on held-out images. The sample is this file in
``posedeploy/checkpoints/``.

The learning rate depends on the fraction of the time that is used, so that a slow machine takes fewer
steps, not more time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterable
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


import posedeploy
from posedeploy import files
from posedeploy.commands.evaluate import show_evaluation
from posedeploy.synthetic.coco_annotations import NAME, write_images
from tools.command_line import run_tool
from tools.training_data import CLOSE_CROPS, WIDE_CROPS, Batch, Batches, Phase
from tools.training_network import LAST, TrainedNetwork

SEED = 1
"""The seed of the training images; all other seeds are held out."""
HELD_OUT_SEED, HELD_OUT = 2, 500
"""The seed and the number of the images for evaluation."""
PEAK_RATE = 2e-3
WARM_UP = 0.02
"""The fraction of the time in which the learning rate rises; then it falls as a cosine."""
WEIGHT_DECAY = 0.01
AVERAGE = 0.998
"""The decay of the averaged weights in each step. The averaged weights are saved."""
CLIP = 2000.0
"""The maximum norm of gradients."""
PARTS_WEIGHT = 100.0
EXACT_SHARE = 0.05
"""The fraction of the time in which the backbone is computed in FP32."""
INITIAL_SHARE = 0.4
"""The fraction of the time without the refinement stage, which takes more than a third of the work and needs
trained maps as its input."""
CLOSE_SHARE = 0.65
"""The fraction of the time with crops that fit a person."""
SAVE_EVERY_S = 240.0
LOG_EVERY = 25


@dataclass
class Training:
    """The state of a run: the network, its averaged copy, the optimizers and the progress.

    matrices: the convolution weights of the first optimizer, each with a view of its memory as a matrix.
    """

    network: TrainedNetwork
    averaged: TrainedNetwork
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer]
    matrices: tuple[tuple[nn.Parameter, nn.Parameter], ...]
    steps: int = 0
    images: int = 0
    used_s: float = 0.0
    refused: int = 0

    def state(self) -> dict[str, Any]:
        """Return the state for ``torch.save``."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": (self.steps, self.images, self.used_s, self.refused),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state that ``state`` returned."""
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.steps, self.images, self.used_s, self.refused = state["progress"]


def new_training(device: str) -> Training:
    """Return a network with random weights and its optimizers: Muon for the convolutions, AdamW for the
    rest."""
    torch.manual_seed(SEED)
    network = TrainedNetwork()
    averaged = TrainedNetwork()
    averaged.load_state_dict(network.state_dict())
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged.to(device).eval().requires_grad_(False)
    moved = [
        tensor
        for name, tensor in network.named_parameters()
        if tensor.ndim == 4 and tensor.shape[1] > 3 and not name.endswith(LAST)
    ]
    matrices = tuple((tensor, nn.Parameter(_as_matrix(tensor.data))) for tensor in moved)
    others = [tensor for tensor in network.parameters() if all(tensor is not other for other in moved)]
    muon = torch.optim.Muon(
        [matrix for _, matrix in matrices],
        lr=PEAK_RATE,
        weight_decay=WEIGHT_DECAY,
        adjust_lr_fn="match_rms_adamw",
        ns_steps=4,
    )
    adam = torch.optim.AdamW(others, lr=PEAK_RATE, weight_decay=0.0)
    return Training(network, averaged, (muon, adam), matrices)


def _as_matrix(weights: Tensor) -> Tensor:
    """Return convolution weights in channels-last memory as (outputs, inputs x kernel), without a copy."""
    matrix = weights.permute(0, 2, 3, 1).reshape(len(weights), -1)
    assert matrix.data_ptr() == weights.data_ptr()
    return matrix


def rate(share: float) -> float:
    """Return the learning rate at a fraction of the time."""
    if share < WARM_UP:
        return PEAK_RATE * max(share / WARM_UP, 0.01)
    return PEAK_RATE * max(0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))), 1e-3)


def loss_of(outputs: tuple[Tensor, ...], batch: Batch) -> Tensor:
    """Return the loss per image: squared differences of the maps, and the cross entropy of the parts.

    All stages count. Keypoints, whose maps are nearly empty, have larger weights than limbs. The background
    map, which decoding does not read, has a small weight.
    """
    *maps, parts = outputs
    points = batch.mask * 4 * (1 + 2 * batch.heatmaps[:, :-1])
    weight = torch.cat([points, batch.mask * 0.2], dim=1)
    total = nn.functional.cross_entropy(parts.float(), batch.parts) * PARTS_WEIGHT * len(batch.images)
    for heatmaps, pafs in zip(maps[0::2], maps[1::2], strict=True):
        total = total + (weight * (heatmaps.float() - batch.heatmaps) ** 2).sum() / 2
        total = total + (batch.mask * (pafs.float() - batch.pafs) ** 2).sum() / 2
    return total / len(batch.images)


def step(training: Training, batch: Batch, device: str) -> float:
    """Take one step of the optimizer; return the loss."""
    batch = Batch(*(getattr(batch, field.name).to(device) for field in fields(Batch)))
    with torch.autocast(device.partition(":")[0], torch.bfloat16):
        outputs = training.network.with_parts(batch.images.contiguous(memory_format=torch.channels_last))
    loss = loss_of(outputs, batch)
    training.network.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    length = nn.utils.clip_grad_norm_(training.network.parameters(), CLIP)
    training.steps += 1
    if not torch.isfinite(length):
        # oneDNN's BF16 gradients are sometimes NaN (PyTorch 2.13 on two AVX-512 cores). Such a step is
        # counted and not taken.
        training.refused += 1
        return float("nan")
    for weights, matrix in training.matrices:
        gradient = weights.grad
        matrix.grad = None if gradient is None else gradient.permute(0, 2, 3, 1).reshape(matrix.shape)
    for optimizer in training.optimizers:
        optimizer.step()
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
    """Train in phases until the time is used, and save the state regularly."""
    for phase, until in ((CLOSE_CROPS, CLOSE_SHARE), (WIDE_CROPS, 1.0)):
        if training.used_s < until * budget_s:
            _train_phase(training, folder, budget_s, until, _loader(training, phase, workers), device)


def _loader(training: Training, phase: Phase, workers: int) -> Iterable[Batch]:
    numbers = range(training.steps, training.steps + 10**7)
    return DataLoader(
        Batches(SEED, phase),
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )


def _train_phase(
    training: Training, folder: Path, budget_s: float, until: float, batches: Iterable[Batch], device: str
) -> None:
    saved = last = time.monotonic()
    recent: list[float] = []
    training.network.train()
    for batch in batches:
        for optimizer, factor in zip(training.optimizers, (1.0, 0.5), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate(training.used_s / budget_s) * factor
        training.network.exact = training.used_s < EXACT_SHARE * budget_s
        training.network.refined = training.used_s >= INITIAL_SHARE * budget_s
        loss = step(training, batch, device)
        recent += [loss] if math.isfinite(loss) else []
        now = time.monotonic()
        training.used_s += now - last
        last = now
        if training.steps % LOG_EVERY == 0:
            _log(training, folder, recent, budget_s)
            recent.clear()
        done = training.used_s >= until * budget_s
        if done or now - saved > SAVE_EVERY_S:
            saved = now
            with files.staged(folder) as stage:
                torch.save(training.state(), stage / "training.pt")
        if done:
            return


def _log(training: Training, folder: Path, losses: list[float], budget_s: float) -> None:
    line = {
        "step": training.steps,
        "images": training.images,
        "seconds": round(training.used_s, 1),
        "rate": rate(training.used_s / budget_s),
        "loss": round(sum(losses) / len(losses), 3) if losses else None,
        "refused_steps": training.refused,
    }
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    print(line, flush=True)


def save(training: Training, path: Path) -> None:
    """Write the averaged weights as a 16-bit safetensors file."""
    halved = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in training.averaged.cpu().state_dict().items()
        if not name.startswith("parts.")
    }
    with files.staged(path.parent) as stage:
        save_file(halved, stage / path.name)


def evaluate(weights: Path) -> None:
    """Print AP and AR on held-out images, and write both next to the weights."""
    held_out = weights.parent / "held_out"
    annotations = held_out / NAME
    write_images(held_out, HELD_OUT, HELD_OUT_SEED)
    result = weights.parent / "evaluation.json"
    show_evaluation(posedeploy.evaluate(weights, annotations, held_out), result)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=117.0)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/training"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--workers",
        type=int,
        help="processes that generate images; by default 1 with a CPU, and all cores but one with a GPU",
    )
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    training = new_training(arguments.device)
    kept = arguments.output / "training.pt"
    if kept.exists():
        training.restore(torch.load(kept, map_location=arguments.device, weights_only=True))
    alone = arguments.device.startswith("cpu")
    workers = arguments.workers or (1 if alone else max(1, (os.cpu_count() or 2) - 1))
    train(training, arguments.output, arguments.minutes * 60, arguments.device, workers)
    save(training, arguments.output / "sample.safetensors")
    evaluate(arguments.output / "sample.safetensors")


if __name__ == "__main__":
    run_tool(main)
