"""Print speed, differences of poses, sizes and export times of networks in every precision of some targets.

``python tools/bench_precisions.py [NAME ...] [--to TARGET ...] [--precision NAME ...] [--folder DIR]``:
published networks with random weights, on synthetic people and noise. ``--checkpoint FILE [--network
FILE:FUNCTION] --images PATH ...`` measures a trained network on images instead; ``--calibration PATH ...``
calibrates its INT8 files. All files of a network and PyTorch eager in FP32 are timed in the same rounds.

``speed`` is how many times as fast as PyTorch the median is. ``poses`` are the differences from PyTorch that
95% do not exceed, refined between the cells of heatmaps, and ``unmatched`` the keypoints that only one of the
two models found. ``outputs`` is the root mean square of the differences of outputs, relative to their largest
value, of the worst output. ``--folder`` keeps the exported files, so that a second run only measures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import posedeploy as pd
from posedeploy import manifest
from posedeploy.api.budget_trials import SHOWN
from posedeploy.api.decoding_pair import build_decode, build_pairing, list_peak_outputs
from posedeploy.api.exporting import export
from posedeploy.api.parity_inputs import build_parity_inputs
from posedeploy.backends import TARGETS, bytes_of
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.runner_comparison import compare_outputs
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.convert.export_options import ExportOptions, ExportPrecision
from posedeploy.errors import PoseDeployError
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Artifact, Model, RunOptions
from tools.bench_families import each_opened, row_of
from tools.command_line import run_tool

CALIBRATION_INPUTS = 16
DEFAULT_TARGETS = ("openvino", "onnx", "tflite")
PRECISIONS = get_args(ExportPrecision)
TITLES = "| file | speed | poses | unmatched | outputs | size | export |"


@dataclass(frozen=True)
class Exported:
    """A file of a network, or the reason why there is none."""

    name: str
    artifact: Artifact | None
    seconds: float | None
    reason: str = ""


@dataclass(frozen=True)
class Measured:
    """A network to measure. images: those to compare poses on; the generated ones if there are none."""

    name: str
    model: Model
    folder: Path
    images: Sequence[Path] = ()
    calibration: Sequence[Path] = ()


def exported(measured: Measured, target: str, precision: str) -> Exported:
    """Export a model, unless the folder has the file of an earlier run."""
    name = f"{target} {precision}"
    path = measured.folder / f"{precision}{TARGETS[target].suffix}"
    if path.exists() and manifest.has_manifest(path):
        return Exported(name, open_artifact(path), None)
    options = ExportOptions(precision=precision)  # type: ignore[arg-type]
    if options.needs_calibration(target):
        options = replace(
            options,
            calibration=tuple(map(str, measured.calibration)),
            calibration_images=128 if measured.calibration else CALIBRATION_INPUTS,
        )
    start = time.perf_counter()
    try:
        (artifact,) = export(measured.model, target, measured.folder, precision, options)
    except PoseDeployError as error:
        return Exported(name, None, None, str(error))
    return Exported(name, artifact, time.perf_counter() - start)


def runnable(file: Exported) -> Exported:
    """Return the file, or the reason why it does not run on this machine."""
    if file.artifact is None:
        return file
    try:
        open_runner(file.artifact, RunOptions()).close()
    except PoseDeployError as error:
        return replace(file, artifact=None, reason=str(error))
    return file


def compare(measured: Measured, artifact: Artifact) -> Parity:
    """Compare the outputs and poses of a file with those of PyTorch."""
    spec = measured.model.spec
    with (
        PyTorchRunner(measured.model, RunOptions()) as reference,
        open_runner(artifact, RunOptions()) as opened,
    ):
        candidate = adapt_runner(opened, artifact.spec)
        inputs = build_parity_inputs(spec, artifact.spec, measured.images, candidate.ranges)
        pairs = replace(inputs.pairs, generated=()) if measured.images else inputs.pairs
        decode = build_decode(spec)
        return compare_outputs(
            artifact.path.name,
            reference,
            candidate,
            pairs,
            tolerance=Tolerance(),
            decode=decode,
            peaks=list_peak_outputs(spec),
            pairing=None if decode is None else build_pairing(spec),
        )


def describe(parity: Parity) -> list[str]:
    """Return the cells of a comparison: poses, unmatched keypoints and outputs."""
    outputs = max(each.rms_relative for output in parity.outputs for each in output.differences)
    if parity.paired is None:
        return ["", "", f"{outputs:.1e}"]
    summaries = parity.paired.summaries
    poses = [
        f"{summaries[name].p95.value:.2g} {name.removeprefix('joint_').replace('_', ' ')}"
        for name in SHOWN
        if name in summaries and name != "oks"
    ]
    unmatched, keypoints = parity.paired.unmatched_keypoints, parity.paired.keypoints
    shown = f"{unmatched} of {keypoints + unmatched}" if keypoints + unmatched else ""
    return [", ".join(poses), shown, f"{outputs:.1e}"]


def rows(measured: Measured, targets: Sequence[str], precisions: Sequence[str]) -> Iterator[str]:
    """Yield the rows of a network: first those of its files, then those without a file."""
    files = [
        exported(measured, target, precision)
        for target in targets
        for precision in TARGETS[target].precisions
        if precision in precisions
    ]
    files = [runnable(file) for file in files]
    artifacts = {file.name: file.artifact for file in files if file.artifact is not None}
    times = row_of(measured.model, artifacts) if artifacts else {}
    for file in files:
        if file.artifact is None:
            yield f"| {file.name} | {file.reason} | | | | | |"
            continue
        seconds = "" if file.seconds is None else f"{file.seconds:.0f} s"
        cells = [speed(times[file.name], times["pytorch"]), *describe(compare(measured, file.artifact))]
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
    parser.add_argument("--checkpoint", type=Path, help="a trained network instead of published ones")
    parser.add_argument("--network", help="FILE:FUNCTION that builds it")
    parser.add_argument("--images", type=Path, nargs="+", default=[], help="compare its poses on these")
    parser.add_argument("--calibration", type=Path, nargs="+", default=[], help="calibrate INT8 with these")
    arguments = parser.parse_args()
    if arguments.checkpoint is not None and arguments.names:
        parser.error("--checkpoint and names of published networks exclude each other")
    if arguments.checkpoint is None and (arguments.network or arguments.images or arguments.calibration):
        parser.error("--network, --images and --calibration are only valid with --checkpoint")
    torch.manual_seed(0)
    for measured in each_measured(arguments):
        print(f"\n## {measured.name}\n\n{TITLES}\n{'|---' * TITLES.count(' | ')}|---|", flush=True)
        for row in rows(measured, arguments.to, arguments.precision):
            print(row, flush=True)
    print(f"\n{describe_machine()}")


def each_measured(arguments: argparse.Namespace) -> Iterator[Measured]:
    """Yield the network of ``--checkpoint``, or else the published networks."""
    kept: Path | None = arguments.folder
    if arguments.checkpoint is None:
        for name, _, _, model, temporary in each_opened(arguments.names):
            yield Measured(name, model, _create(temporary if kept is None else kept / name))
        return
    model = pd.load_checkpoint(arguments.checkpoint, network=arguments.network)
    with tempfile.TemporaryDirectory() as temporary_name:
        folder = _create(Path(temporary_name) if kept is None else kept)
        name = arguments.checkpoint.name
        yield Measured(name, model, folder, arguments.images, arguments.calibration)


def _create(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    run_tool(main)
