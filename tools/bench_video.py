"""Compare the speed of ``predict`` on a video with that of the network alone; the goal is a ratio of 0.9.

::

    python tools/bench_video.py [ARTIFACT.xml PHOTO.jpg] [--rounds 5] [--frames 90]

Without arguments it uses the trained weights and the photograph in the folder POSEDEPLOY_REAL, exported with
the network in examples/, or, if they are missing, the built-in sample and an image of synthetic people. The
video pans and zooms over the image (640x360). Three candidates take turns in one process, so that a change
of the machine affects all of them: ``predict`` on the video (asynchronous, throughput hint), the network
alone, one input at a time (latency hint), and the network alone, asynchronous (throughput hint), each in the
precision of the file.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import manifest
from posedeploy.api.load_checkpoint import load_checkpoint, load_sample
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.poses.preprocess import prepare
from posedeploy.predict.images import read_image
from posedeploy.predict.run import predict
from posedeploy.predict.sources import open_source
from posedeploy.runtimes.openvino import OpenVinoRunner
from posedeploy.synthetic import generate_scene
from posedeploy.types import Array, Artifact, RunOptions
from tests.support.data_folders import REAL
from tools.command_line import run_tool

WEIGHTS, PHOTO = (REAL.path / name for name in ("human-pose-estimation-0001.pth", "skiers.jpg"))
NETWORK = Path(__file__).resolve().parents[1] / "examples" / "human_pose_estimation_0001.py"

SIZE = (640, 360)
GOAL = 0.9


@dataclass(frozen=True)
class Round:
    """Wall time and processor time per frame in seconds."""

    wall_s: float
    cpu_s: float


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.artifact is None:
            artifact, photo = default_inputs(Path(folder))
        else:
            artifact, photo = manifest.read(arguments.artifact), read_image(arguments.photo)
        measure(artifact, photo, arguments.rounds, arguments.frames)


def default_inputs(folder: Path) -> tuple[Artifact, Array]:
    """Return the artifact, with dynamic axes, and the image that are used without arguments."""
    missing = [path for path in (WEIGHTS, PHOTO) if not path.is_file()]
    if missing:
        print(f"{REAL.describe_missing(missing[0])}; using the built-in sample instead", file=sys.stderr)
    model = load_sample() if missing else load_checkpoint(WEIGHTS, network=f"{NETWORK}:build")
    (artifact,) = export(model, ["openvino"], folder, "network", ExportOptions(dynamic=True))
    return artifact, generate_scene(8, 0, SIZE[::-1]).image if missing else read_image(PHOTO)


def measure(artifact: Artifact, photo: Array, turns: int, frames: int) -> None:
    """Time all candidates in turn, and print the result."""
    with (
        OpenVinoRunner(artifact, RunOptions(hint="throughput")) as asynchronous,
        OpenVinoRunner(artifact, RunOptions(hint="latency")) as synchronous,
        tempfile.TemporaryDirectory() as folder,
    ):
        video = Path(folder) / "video.mp4"
        film(photo, video, frames)
        tensors, _ = prepare(cv2.resize(photo, SIZE), artifact.spec)
        shape = "x".join(str(length) for length in tensors[artifact.spec.inputs[0].name].shape)
        print(
            f"{artifact.path.name}, input {shape}, {synchronous.runtime_info.threads} threads, "
            f"{frames} frames"
        )
        rounds: dict[str, list[Round]] = {
            "network alone, synchronous": [],
            "network alone, asynchronous": [],
            "predict on the video": [],
        }
        works: tuple[Callable[[], object], ...] = (
            lambda: [synchronous.run(tensors) for _ in range(frames)],
            lambda: [None for _ in asynchronous.stream(tensors for _ in range(frames))],
            lambda: predict(open_source(str(video)), asynchronous, artifact, Path(folder) / "out"),
        )
        for number in range(turns + 1):
            for name, work in zip(rounds, works, strict=True):
                measured = timed(work, frames)
                if number:  # the first one warms up
                    rounds[name].append(measured)
    report(rounds)


def timed(work: Callable[[], object], frames: int) -> Round:
    """Time one turn."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return Round((time.perf_counter() - began) / frames, (time.process_time() - used) / frames)


def report(rounds: dict[str, list[Round]]) -> None:
    """Print the medians, and the ratios to both runs of the network alone, by round and as a median."""
    *alone, whole = rounds.items()
    for name, turns in rounds.items():
        wall = statistics.median(turn.wall_s for turn in turns)
        cpu = statistics.median(turn.cpu_s for turn in turns)
        print(
            f"{name:28} {1 / wall:7.2f} frames/s {1000 * wall:8.2f} ms {1000 * cpu:8.2f} ms of processor time"
        )
    for name, bare in alone:
        ratios = [a.wall_s / b.wall_s for a, b in zip(bare, whole[1], strict=True)]
        each = " ".join(f"{ratio:.3f}" for ratio in ratios)
        print(
            f"predict / {name:28} {statistics.median(ratios):.3f}  (goal: {GOAL} or better; rounds: {each})"
        )


def film(photo: Array, path: Path, frames: int) -> None:
    """Write a video that pans and zooms over a photograph."""
    height, width = photo.shape[:2]
    fill = max(SIZE[0] / width, SIZE[1] / height)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, SIZE)
    for number in range(frames):
        zoom = fill * (1.08 + 0.08 * math.sin(number / 20))
        middle = (width / 2 + 6 * math.sin(number / 15), height / 2 + 6 * math.cos(number / 11))
        shift = (SIZE[0] / 2 - zoom * middle[0], SIZE[1] / 2 - zoom * middle[1])
        matrix = np.array([(zoom, 0, shift[0]), (0, zoom, shift[1])])
        writer.write(cv2.warpAffine(photo, matrix, SIZE, borderMode=cv2.BORDER_REFLECT))
    writer.release()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "artifact",
        nargs="?",
        type=Path,
        help="an OpenVINO artifact with its manifest, exported with --dynamic",
    )
    parser.add_argument("photo", nargs="?", type=Path, help="a photograph with people")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=90)
    arguments = parser.parse_args()
    if arguments.artifact is not None and arguments.photo is None:
        parser.error("an artifact needs a photograph as the second argument")
    return arguments


if __name__ == "__main__":
    run_tool(main)
