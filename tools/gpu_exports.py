"""Export the artifacts of ``gpu_table.py``: every network, target and precision, in parallel processes.

``python tools/gpu_exports.py FOLDER [--cases FOLDER] [--networks NAME ...] [--aoti NAME ...] [--throughput]``

Each target of a network is exported by a process of its own, and so is each package of AOTInductor, which
takes minutes to compile. The GPU is busy meanwhile, so measure afterwards. A refused export is a file with
its message.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import manifest
from posedeploy.backends import TARGETS
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.checkpoints.sample import open_sample
from posedeploy.convert.export import export
from posedeploy.convert.export_options import AotiOptions, ExportOptions
from posedeploy.errors import PoseDeployError, first_line
from posedeploy.types import Artifact, Model
from tests.support.data_folders import REFERENCE
from tests.support.reference_cases import BUNDLED, Case
from tools.command_line import run_tool

SAMPLE = "sample"
CASES = (
    "gtrs-human36",
    "pose2mesh-human36",
    "mobile-human-pose-lpski",
    "lightweight-openpose-3d",
    "pose-hg-3d-msra50",
)
FloatPrecision: TypeAlias = Literal["fp32", "fp16", "bf16"]
PRECISIONS: dict[str, tuple[FloatPrecision, ...]] = {
    "torchscript": ("fp32", "fp16", "bf16"),
    "onnx": ("fp32", "fp16"),
    "aoti": ("fp32", "fp16"),
}
"""The precisions of each target."""
DYNAMIC: tuple[tuple[str, FloatPrecision, bool], ...] = (
    ("torchscript", "fp32", True),
    ("torchscript", "fp16", True),
)
"""The artifacts for large batches. A trace of a large batch in FP16 takes minutes on most processors."""
REFUSAL = ".refused.txt"
THREADS = 2
"""The threads of a process. By default, each would start as many as there are cores."""


@dataclass(frozen=True)
class Job:
    """The exports of one network to one or more targets."""

    network: str
    targets: tuple[tuple[str, FloatPrecision, bool], ...]
    """Each target with its precision, and whether its axes are dynamic."""


def default_cases() -> Path:
    """Return the folder of all reference cases, or that of the few in the repository."""
    return REFERENCE.path / "cases" if REFERENCE.path.is_dir() else BUNDLED


def list_networks(cases: Path, names: Sequence[str]) -> list[str]:
    """Return the sample and the cases in the folder whose names begin with one of ``names``; all for none."""
    existing = [SAMPLE, *(case for case in CASES if (cases / case).is_dir())]
    return [network for network in existing if not names or network.startswith(tuple(names))]


def targets_of(network: str, compiled: Sequence[str]) -> list[str]:
    """Return the targets of a network. ``compiled``: parts of the names of networks for AOTInductor."""
    return ["torchscript", "onnx", *(["aoti"] if any(part in network for part in compiled) else [])]


def open_network(network: str, cases: Path, place: Path) -> Model:
    """Return the sample or a case; the checkpoint of a case is written to ``place``."""
    if network == SAMPLE:
        return open_sample()
    case = Case(cases / network)
    place.mkdir(parents=True, exist_ok=True)
    mesh = case.write_mesh(place / f"{network}.npy")
    return open_checkpoint(case.write(place / f"{network}.pth"), mesh=mesh)


def jobs_of(networks: Sequence[str], compiled: Sequence[str], *, throughput: bool) -> Iterator[Job]:
    """Yield the jobs, the slowest first."""
    for network in networks:
        for target in targets_of(network, compiled)[2:]:
            for precision in PRECISIONS[target]:
                yield Job(network, ((target, precision, False),))
    for target in ("onnx", "torchscript"):
        for network in networks:
            yield Job(network, tuple((target, precision, False) for precision in PRECISIONS[target]))
    if throughput:
        for network in networks:
            yield Job(network, DYNAMIC)


def run(job: Job, cases: Path, folder: Path) -> list[str]:
    """Export one job, and return a line for each artifact."""
    place = folder / job.network
    model = open_network(job.network, cases, place / f"{job.targets[0][0]}-{stem(*job.targets[0][1:])}")
    lines = []
    for target, precision, dynamic in job.targets:
        start = perf_counter()
        options = ExportOptions(precision=precision, dynamic=dynamic, aoti=AotiOptions("cuda"))
        try:
            export(model, [target], place, stem(precision, dynamic), options)
            outcome = "exported"
        except PoseDeployError as error:
            outcome = f"refused: {first_line(error)}"
            refusal(place, target, precision, dynamic).write_text(first_line(error), encoding="utf-8")
        lines.append(
            f"{job.network} {target} {precision}{', dynamic' if dynamic else ''}: {outcome}, "
            f"{perf_counter() - start:.0f} s"
        )
    return lines


def stem(precision: str, dynamic: bool) -> str:
    """Return the name of an artifact without its suffix."""
    return f"{'dynamic' if dynamic else 'net'}-{precision}"


def refusal(place: Path, target: str, precision: str, dynamic: bool) -> Path:
    return place / f"{target}-{stem(precision, dynamic)}{REFUSAL}"


def read_exported(
    folder: Path, network: str, target: str, precision: str, *, dynamic: bool = False
) -> Artifact | str:
    """Return an artifact in the folder, or why it was not exported."""
    place = folder / network
    refused = refusal(place, target, precision, dynamic)
    if refused.is_file():
        return refused.read_text(encoding="utf-8")
    path = place / f"{stem(precision, dynamic)}{TARGETS[target].suffix}"
    return manifest.read(path) if path.is_file() else "its export did not finish"


def export_all(
    cases: Path, folder: Path, names: Sequence[str], compiled: Sequence[str], *, throughput: bool
) -> None:
    """Export everything into the folder, and print a line for each artifact."""
    jobs = list(jobs_of(list_networks(cases, names), compiled, throughput=throughput))
    cores = os.cpu_count() or 2
    workers = max(2, min(len(jobs), cores // THREADS))
    os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))  # of the processes: torch is loaded here already
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in as_completed(pool.submit(run, job, cases, folder) for job in jobs):
            print(*done.result(), sep="\n", flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that select networks and targets."""
    parser.add_argument("--cases", type=Path, default=default_cases())
    parser.add_argument("--networks", nargs="*", default=[], help="prefixes of names; all by default")
    parser.add_argument("--aoti", nargs="*", default=[SAMPLE], help="parts of names to compile as well")
    parser.add_argument("--throughput", action="store_true", help="also images per second at large batches")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    add_arguments(parser)
    arguments = parser.parse_args()
    start = perf_counter()
    export_all(
        arguments.cases,
        arguments.folder,
        arguments.networks,
        arguments.aoti,
        throughput=arguments.throughput,
    )
    print(f"all exports: {perf_counter() - start:.0f} s")


if __name__ == "__main__":
    run_tool(main)
