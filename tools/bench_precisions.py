"""Print speed, errors and sizes of the published networks in every precision of some targets.

``python tools/bench_precisions.py [NAME ...] [--to TARGET ...] [--precision NAME ...]
[--folder DIR]``: random weights, one image or
person. All files of a network and PyTorch eager in FP32 are timed in the same rounds. ``speed`` is how many
times as fast as PyTorch the median is; ``error`` the root mean square of the differences from PyTorch on
noise and synthetic people, relative to the largest value of an output, of the worst output. ``--folder``
keeps the exported files, so that a second run only measures.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import manifest
from posedeploy.api.exporting import export
from posedeploy.api.parity_inputs import build_parity_inputs
from posedeploy.backends import TARGETS, bytes_of
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.convert.export_options import ExportOptions, ExportPrecision
from posedeploy.errors import PoseDeployError
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Artifact, Model, RunOptions
from tools.bench_families import each_opened, row_of
from tools.command_line import run_tool

CALIBRATION_INPUTS = 16
DEFAULT_TARGETS = ("openvino", "onnx", "tflite")
PRECISIONS = get_args(ExportPrecision)


@dataclass(frozen=True)
class Exported:
    """A file of a network, or the reason why there is none."""

    name: str
    artifact: Artifact | None
    seconds: float | None
    reason: str = ""


def exported(model: Model, target: str, precision: str, folder: Path) -> Exported:
    """Export a model, unless the folder has the file of an earlier run."""
    name = f"{target} {precision}"
    path = folder / f"{precision}{TARGETS[target].suffix}"
    if path.exists() and manifest.has_manifest(path):
        return Exported(name, open_artifact(path), None)
    options = ExportOptions(precision=precision, calibration_images=CALIBRATION_INPUTS)  # type: ignore[arg-type]
    start = time.perf_counter()
    try:
        (artifact,) = export(model, target, folder, precision, options)
    except PoseDeployError as error:
        return Exported(name, None, None, str(error))
    return Exported(name, artifact, time.perf_counter() - start)


def error_of(model: Model, artifact: Artifact) -> float:
    """Return the largest relative RMS difference of an output from PyTorch."""
    with (
        PyTorchRunner(model, RunOptions()) as reference,
        open_runner(artifact, RunOptions()) as opened,
    ):
        candidate = adapt_runner(opened, artifact.spec)
        pairs = build_parity_inputs(model.spec, artifact.spec, (), candidate.ranges).pairs
        errors = [
            _relative_rms(reference, candidate, first.tensors, second.tensors) for first, second in pairs
        ]
    return max(errors)


def _relative_rms(
    reference: Runner, candidate: Runner, expected: Mapping[str, object], actual: Mapping[str, object]
) -> float:
    wanted, outputs = reference.run(dict(expected)), candidate.run(dict(actual))  # type: ignore[arg-type]
    return max(
        float(np.sqrt(np.mean((outputs[name] - wanted[name]) ** 2)) / np.abs(wanted[name]).max())
        for name in outputs
    )


def rows(model: Model, targets: Sequence[str], precisions: Sequence[str], folder: Path) -> Iterator[str]:
    """Yield the rows of a network: first those of its files, then those without a file."""
    files = [
        exported(model, target, precision, folder)
        for target in targets
        for precision in TARGETS[target].precisions
        if precision in precisions
    ]
    artifacts = {file.name: file.artifact for file in files if file.artifact is not None}
    times = row_of(model, artifacts)
    for file in files:
        if file.artifact is None:
            yield f"| {file.name} | {file.reason} | | | |"
            continue
        error = error_of(model, file.artifact)
        seconds = "" if file.seconds is None else f"{file.seconds:.0f} s"
        cells = (speed(times[file.name], times["pytorch"]), f"{error:.1e}")
        yield f"| {file.name} | {' | '.join(cells)} | {bytes_of(file.artifact) / 1e6:.1f} MB | {seconds} |"


def speed(result: Latency, baseline: Latency) -> str:
    """Return the ratio of the medians, with the quartiles of the ratios of single rounds."""
    ratios = np.array(baseline.times_s) / np.array(result.times_s)
    low, high = np.percentile(ratios, [25, 75])
    return f"{baseline.median_ms / result.median_ms:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="beginnings of the networks' names; all if not given")
    parser.add_argument("--to", nargs="+", default=list(DEFAULT_TARGETS), choices=list(TARGETS))
    parser.add_argument("--precision", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--folder", type=Path, help="keep the exported files here")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    for name, _, _, model, temporary in each_opened(arguments.names):
        folder = temporary if arguments.folder is None else arguments.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        print(f"\n## {name}\n\n| file | speed | error | size | export |\n|---|---|---|---|---|")
        for row in rows(model, arguments.to, arguments.precision, folder):
            print(row, flush=True)
    print(f"\n{describe_machine()}")


if __name__ == "__main__":
    run_tool(main)
