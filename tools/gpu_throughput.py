"""Measure the images per second of batches on a GPU (``gpu_table.py``)."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.benchmarks import timing
from posedeploy.benchmarks.input_shapes import with_batch, with_fixed_size
from posedeploy.benchmarks.inputs import build_noise_input
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Model, RunOptions
from tools.gpu_exports import read_exported
from tools.gpu_rows import Opener, opener

MANY, RUNS = 32, 20


def show(*cells: str) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(cells) + " |", flush=True)


def throughput(name: str, model: Model, exports: Path) -> tuple[str, ...]:
    """Return a row of images per second at batch 32: eager, and TorchScript in each precision, in the same
    rounds."""
    artifacts = {p: read_exported(exports, name, "torchscript", p, dynamic=True) for p in ("fp32", "fp16")}
    refused = next((artifact for artifact in artifacts.values() if isinstance(artifact, str)), None)
    if refused is not None:
        return name, f"FAILED: {refused}", "", "", ""
    openers = {p: opener(artifact) for p, artifact in artifacts.items() if not isinstance(artifact, str)}
    spec = next(artifact.spec for artifact in artifacts.values() if not isinstance(artifact, str))
    single = with_batch(spec, 1) if spec.joints is not None else with_fixed_size(spec)
    tensors = {
        key: np.repeat(array[:1], MANY, axis=0) for key, array in build_noise_input(single).tensors.items()
    }
    ways: dict[str, tuple[Opener, RunOptions]] = {
        "eager": (lambda options: PyTorchRunner(model, options), RunOptions("cuda", cuda_graphs=False)),
        "torchscript fp32": (openers["fp32"], RunOptions("cuda")),
        "torchscript tf32": (openers["fp32"], RunOptions("cuda", "tf32")),
        "torchscript fp16": (openers["fp16"], RunOptions("cuda", "fp16")),
    }
    with ExitStack() as opened:
        candidates = []
        for label, (opening, options) in ways.items():
            candidate = timing.load(label, lambda: opening(options), lambda _: tensors)  # noqa: B023 - called here
            opened.callback(candidate.runner.close)
            candidates.append(candidate)
        results = timing.measure(candidates, runs=RUNS)
    base = results[0].images_per_s
    return name, *(f"{result.images_per_s:.0f} ({result.images_per_s / base:.1f}x)" for result in results)


def show_titles() -> None:
    """Print the titles of the table of throughput."""
    kinds = (f"torchscript {precision}" for precision in ("fp32", "tf32", "fp16"))
    print()
    show(f"network, images/s at batch {MANY}", "eager", *kinds)
    show(*("---" for _ in range(5)))
