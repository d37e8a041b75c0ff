"""Print the cost of parity and of bisect. It asserts nothing.

    python tools/bench_parity.py ratio | memory | bisect | floor    one measurement
    python tools/bench_parity.py [--images N] [--rounds N]          all

ratio: exports the built-in sample to ONNX, OpenVINO, TFLite and TorchScript, and compares all four with
PyTorch on one thread, on N synthetic images (default 100) and the generated inputs. In each round, the
networks alone run on the same inputs before and after. The ratio of processor times and of wall times is
printed for each round.
memory: the peak resident memory of a child process that compares the ONNX file on 20 and on N images.
bisect: the time of bisect on ONNX files of lightweight-openpose-2d at its published size, on all cores: in
FP32 with a wrong layer, and in FP16. Both files have the weights of the reference case.
floor: the time of parity of mobile-human-pose LPWO on OpenVINO, which measures the noise floor. It needs the
weights of the reference case in POSEDEPLOY_REFERENCE.
"""

from __future__ import annotations

import argparse
import logging
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import posedeploy as pd
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.api.parity_inputs import build_parity_inputs
from posedeploy.benchmarks.footprint import peak_memory
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.convert.export_options import ExportPrecision
from posedeploy.errors import InputError, PoseDeployError
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.synthetic import generate_scene
from posedeploy.types import Array, Artifact, Model, RunOptions, Tensors
from tests.support.data_folders import REFERENCE
from tests.support.reference_cases import BUNDLED, Case
from tools.command_line import run_tool

TARGETS = ("onnx", "openvino", "tflite", "torchscript")
SMALL_SET, THREADS = 20, 1
SIZE = (640, 360)
"""Width and height of the images."""
WRONG_LAYER = "model.5.0.weight"


def main() -> None:
    """Print one measurement or all."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("what", nargs="?", choices=list(MEASUREMENTS))
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak-of", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    if arguments.peak_of is not None:
        print(_peak_mib(*arguments.peak_of))
        return
    for name in [arguments.what] if arguments.what is not None else MEASUREMENTS:
        with tempfile.TemporaryDirectory() as folder:
            MEASUREMENTS[name](Path(folder), arguments)
    print(describe_machine())


def measure_ratio(folder: Path, arguments: argparse.Namespace) -> None:
    """Print the ratio of each round."""
    model = load_checkpoint("sample")
    artifacts = pd.export(model, list(TARGETS), folder / "out")
    images = write_images(folder / "images", arguments.images)
    for _ in range(arguments.rounds):
        _print_round(model, artifacts, images)


def measure_memory(folder: Path, arguments: argparse.Namespace) -> None:
    """Print the peak memory for few and for many images."""
    [artifact] = pd.export(load_checkpoint("sample"), "onnx", folder / "out")
    for count in (SMALL_SET, arguments.images):
        print(f"{count} images: {_measure_peak(artifact.path, folder, count):.0f} MiB", flush=True)


def measure_bisect(folder: Path, arguments: argparse.Namespace) -> None:
    """Print the time of bisect on a file with a wrong layer, and on one in FP16."""
    right = Case(BUNDLED / "lightweight-openpose-2d").write(folder / "right.pth")
    wrong = folder / "wrong.pth"
    state: Any = torch.load(right, weights_only=True)
    state["state_dict"][WRONG_LAYER] *= 1.01
    torch.save(state, wrong)
    files: list[tuple[Path, ExportPrecision]] = [(wrong, "fp32"), (right, "fp16")]
    for checkpoint, precision in files:
        options = pd.ExportOptions(precision=precision)
        [artifact] = pd.export(load_checkpoint(checkpoint), "onnx", folder / precision, options=options)
        start = time.perf_counter()
        report = pd.bisect(artifact, checkpoint=right)
        seconds = time.perf_counter() - start
        print(f"bisect of lightweight-openpose-2d in {precision}: {seconds:.1f} s", flush=True)
        print(f"    {report.verdict}", flush=True)


def measure_floor(folder: Path, arguments: argparse.Namespace) -> None:
    """Print the time of a comparison that measures the noise floor."""
    case = REFERENCE.path / "cases" / "mobile-human-pose-lpwo"
    if not (case / "case.json").is_file():
        raise InputError(REFERENCE.describe_missing(case / "case.json"))
    model = load_checkpoint(Case(case).write(folder / "net.pth"))
    [artifact] = pd.export(model, "openvino", folder / "out")
    start = time.perf_counter()
    [result] = pd.compare(artifact).results
    floor = "measured" if result.floor is not None else "not measured"
    print(f"parity of LPWO on OpenVINO: {time.perf_counter() - start:.1f} s, noise floor {floor}", flush=True)


MEASUREMENTS: Mapping[str, Callable[[Path, argparse.Namespace], None]] = {
    "ratio": measure_ratio,
    "memory": measure_memory,
    "bisect": measure_bisect,
    "floor": measure_floor,
}


def write_images(folder: Path, count: int) -> Path:
    """Write this number of JPEG images of synthetic people to a new folder, and return it."""
    folder.mkdir()
    for index in range(count):
        cv2.imwrite(str(folder / f"{index}.jpg"), generate_scene(3, index, SIZE).image)
    return folder


def _print_round(model: Model, artifacts: Sequence[Artifact], images: Path) -> None:
    before = _timed(lambda: _run_networks(model, artifacts, images))
    parity = _timed(lambda: _compare(artifacts, images))
    after = _timed(lambda: _run_networks(model, artifacts, images))
    alone = (before + after) / 2
    cpu, wall = parity / alone
    print(
        f"parity {parity[0]:.1f} s CPU, {parity[1]:.1f} s wall; networks alone {alone[0]:.1f} s CPU, "
        f"{alone[1]:.1f} s wall; ratio {cpu:.2f} CPU, {wall:.2f} wall",
        flush=True,
    )


def _timed(action: Callable[[], Array | None]) -> Array:
    """Return the processor time and the wall time of an action, or what it measures itself."""
    start = np.array([time.process_time(), time.perf_counter()])
    measured = action()
    return measured if measured is not None else _since(start)


def _compare(artifacts: Sequence[Artifact], images: Path) -> None:
    report = pd.compare(artifacts, images, threads=THREADS)
    if not report.passed:
        raise PoseDeployError(f"an export is wrong: {report.results}")


def _run_networks(model: Model, artifacts: Sequence[Artifact], images: Path) -> Array:
    """Return the time of the networks alone, on the inputs of parity."""
    options = RunOptions(threads=THREADS)
    total: Array = np.zeros(2)
    for artifact in artifacts:
        pairs = build_parity_inputs(model.spec, artifact.spec, [images], {}).pairs
        with open_runner(artifact, options) as runner:
            for _, theirs in pairs:
                total += _time_run(runner, theirs.tensors)
    with PyTorchRunner(model, options) as runner:
        for ours, _ in pairs:
            total += _time_run(runner, ours.tensors)
    return total


def _time_run(runner: Runner, tensors: Tensors) -> Array:
    start = np.array([time.process_time(), time.perf_counter()])
    runner.run(tensors)
    return _since(start)


def _since(start: Array) -> Array:
    elapsed: Array = np.array([time.process_time(), time.perf_counter()]) - start
    return elapsed


def _measure_peak(artifact: Path, folder: Path, count: int) -> float:
    images = write_images(folder / f"{count} images", count)
    command = [sys.executable, __file__, "--peak-of", str(artifact), str(images)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _peak_mib(artifact: Path, images: Path) -> float:
    pd.compare(artifact, images, threads=THREADS)
    return (peak_memory() or math.nan) / 2**20


if __name__ == "__main__":
    run_tool(main)
