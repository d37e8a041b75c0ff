"""Measure the images per second of batches on a GPU (``gpu_table.py``)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.benchmarks import timing
from posedeploy.benchmarks.inputs import build_noise_input
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Model, RunOptions
from tools.gpu_rows import Opener, opener

MANY = 32


def show(*cells: str) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(cells) + " |", flush=True)


def throughput(name: str, model: Model, folder: Path) -> None:
    """Print images per second at batch 32: eager, and TorchScript in each precision, in the same rounds."""
    with ExitStack() as opened:
        candidates = []
        options = RunOptions("cuda", cuda_graphs=False)
        artifacts = {
            precision: export(model, ["torchscript"], folder, f"many-{precision}", export_options)[0]
            for precision, export_options in (
                ("fp32", ExportOptions(batch=MANY)),
                ("fp16", ExportOptions(batch=MANY, precision="fp16")),
            )
        }
        tensors = build_noise_input(artifacts["fp32"].spec).tensors
        openers: dict[str, tuple[Opener, RunOptions]] = {
            "eager": (lambda options: PyTorchRunner(model, options), options),
            "torchscript fp32": (opener(artifacts["fp32"]), RunOptions("cuda")),
            "torchscript tf32": (opener(artifacts["fp32"]), RunOptions("cuda", "tf32")),
            "torchscript fp16": (opener(artifacts["fp16"]), RunOptions("cuda", "fp16")),
        }
        for label, (opening, run_options) in openers.items():
            candidate = timing.load(label, lambda: opening(run_options), lambda _: tensors)  # noqa: B023 - called here
            opened.callback(candidate.runner.close)
            candidates.append(candidate)
        results = timing.measure(candidates, runs=20)
    base = results[0].images_per_s
    show(name, *(f"{result.images_per_s:.0f} ({result.images_per_s / base:.1f}x)" for result in results))
    torch.cuda.empty_cache()


def many(networks: Sequence[tuple[str, Model]], place: Path) -> None:
    """Print the table of throughput."""
    kinds = (f"torchscript {precision}" for precision in ("fp32", "tf32", "fp16"))
    print()
    show(f"network, images/s at batch {MANY}", "eager", *kinds)
    show(*("---" for _ in range(5)))
    for index, (name, model) in enumerate(networks):
        throughput(name, model, place / f"many-{index}")
