"""Measure every network in every runtime and precision on a GPU: load time, latency, accuracy.

``python tools/gpu_table.py [--cases FOLDER] [--networks NAME ...] [--aoti NAME ...] [--json FILE]``

The networks are the built-in sample and the reference cases in the folder (by default POSEDEPLOY_REFERENCE,
or else the cases in the repository). All rows of a network are timed in the same rounds as PyTorch eager,
transfers included, at batch 1; the second table shows images per second at batch 32. Poses are compared
with PyTorch in FP32 on the CPU, in px and mm at the 95th percentile, and unmatched keypoints are
counted. The generated weights of the reference cases amplify rounding, so their poses are judged in FP32
only. The sample is trained, and its poses are judged in every precision. The exit status is 1 if a row does
not run or its poses are beyond the tolerance.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import plugins
from posedeploy.api.parity_case import list_peak_outputs
from posedeploy.benchmarks import timing
from posedeploy.benchmarks.inputs import (
    NetworkInput,
    build_image_inputs,
    build_noise_input,
    build_people_inputs,
    generate_synthetic_images,
    match_candidate,
    with_fixed_size,
)
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.benchmarks.parity import Parity, compare_outputs
from posedeploy.benchmarks.recorded_runner import RecordedRunner
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.checkpoints.sample import open_sample
from posedeploy.convert.export import export
from posedeploy.convert.export_options import AotiOptions, ExportOptions
from posedeploy.errors import PoseDeployError, first_line
from posedeploy.families import FAMILIES
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Artifact, Camera, Model, ModelSpec, Precision, RunOptions, Tensors
from tests.support.reference_cases import BUNDLED, Case

RUNS, IMAGES, MANY = 30, 4, 32
TOLERANCES = {"fp32": (0.5, 1.0), "tf32": (1.0, 5.0), "fp16": (1.0, 5.0), "bf16": (4.0, 40.0)}
"""The tolerances of poses at the 95th percentile, in px and mm, by precision."""
MAX_UNMATCHED = 0.05
"""The fraction of keypoints that may be unmatched, in a precision other than FP32."""
EXPORTED: dict[str, tuple[Literal["fp32", "fp16", "bf16"], ...]] = {
    "torchscript": ("fp32", "fp16", "bf16"),
    "onnx": ("fp32", "fp16"),
    "aoti": ("fp32", "fp16"),
}
CASES = (
    "gtrs-human36",
    "pose2mesh-human36",
    "mobile-human-pose-lpski",
    "lightweight-openpose-3d",
    "pose-hg-3d-msra50",
)
Opener = Callable[[RunOptions], Runner]


@dataclass
class Row:
    """One runtime in one precision. ``failure`` is empty if the row passed."""

    network: str
    runtime: str
    precision: str
    load_s: float = 0.0
    median_ms: float = 0.0
    speedup: float = 0.0
    spread: float = 0.0
    graph: str = ""
    error_px: float | None = None
    error_mm: float | None = None
    unmatched_keypoints: int = 0
    keypoints: int = 0
    is_judged: bool = False
    failure: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the row as text."""
        px, mm = ("" if error is None else f"{error:.2g}" for error in (self.error_px, self.error_mm))
        head = (self.network, self.runtime, self.precision)
        if not self.median_ms:
            return (*head, "", "", "", "", "", "", "", "", self.failure)
        times = (f"{self.load_s:.2f}", f"{self.median_ms:.3f}", f"{self.speedup:.1f}x", f"{self.spread:.0%}")
        graph = "no" if self.graph.startswith("no") else "yes"
        sides = f"{self.unmatched_keypoints}/{self.keypoints + self.unmatched_keypoints}"
        verdict = self.failure or ("ok" if self.is_judged else "runs; poses not judged")
        return (*head, *times, graph, px, mm, sides, verdict)


TITLES = (
    "network", "runtime", "precision", "load s", "ms", "x eager", "spread", "CUDA graph", "px", "mm",
    "unmatched", "verdict",
)  # fmt: skip


@dataclass
class Table:
    """All rows, which are printed when they are added."""

    rows: list[Row] = field(default_factory=list)

    def add(self, rows: Sequence[Row]) -> None:
        """Print and store the rows."""
        self.rows += rows
        for row in rows:
            show(*row.cells())


def show(*cells: str) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(cells) + " |", flush=True)


def models(folder: Path, names: Sequence[str], place: Path) -> Iterator[tuple[str, Model]]:
    """Yield the sample, and the cases that exist in the folder."""
    if not names or "sample" in names:
        yield "lightweight-openpose-2d, sample", open_sample()
    for name in CASES:
        if (folder / name).is_dir() and (not names or name.startswith(tuple(names))):
            case = Case(folder / name)
            mesh = case.write_mesh(place / f"{name}.npy")
            yield name, open_checkpoint(case.write(place / f"{name}.pth"), mesh=mesh)


def samples_of(spec: ModelSpec) -> list[NetworkInput]:
    """Return the inputs of every row, at the fixed shapes of an export."""
    if spec.joints is not None:
        return build_people_inputs(spec, IMAGES, {})
    chosen = with_fixed_size(spec)
    named = [
        (f"synthetic {index}", image) for index, image in enumerate(generate_synthetic_images(chosen, IMAGES))
    ]
    return build_image_inputs(match_candidate(spec, chosen), named)


def ways(model: Model, folder: Path, targets: Sequence[str]) -> Iterator[tuple[str, Precision, Opener | str]]:
    """Yield the runtime, the precision, and a function that opens the runner, or a refusal."""
    precisions: tuple[Precision, ...] = ("fp32", "tf32", "fp16", "bf16")
    for precision in precisions:
        yield "pytorch", precision, lambda options: PyTorchRunner(model, options)
    for target in targets:
        for exported in EXPORTED[target]:
            options = ExportOptions(precision=exported, aoti=AotiOptions("cuda"))
            try:
                (artifact,) = export(model, [target], folder, f"net-{exported}", options)
            except PoseDeployError as error:
                yield target, exported, first_line(error)
                continue
            yield target, exported, opener(artifact)
            if exported == "fp32":
                yield target, "tf32", opener(artifact)


def opener(artifact: Artifact) -> Opener:
    """Return a function that opens the artifact."""
    return lambda options: open_runner(artifact, options)


def rows_of(name: str, model: Model, folder: Path, targets: Sequence[str]) -> list[Row]:
    """Measure every runtime and precision of one network, eager first."""
    decode = plugins.load(f"{FAMILIES[model.spec.family].poses}:decode")
    samples = samples_of(model.spec)
    tensors = samples[0].tensors
    rows, candidates, kept = [], [], []
    with ExitStack() as opened:
        reference = RecordedRunner(opened.enter_context(PyTorchRunner(model, RunOptions())))

        def inputs(_: Runner) -> Tensors:
            return tensors

        def add(row: Row, options: RunOptions, opening: Opener) -> None:
            rows.append(row)
            try:
                candidate = timing.load(f"{row.runtime} {row.precision}", lambda: opening(options), inputs)
                opened.callback(candidate.runner.close)
                parity = compare_outputs(
                    name,
                    reference,
                    candidate.runner,
                    [(sample, sample) for sample in samples],
                    tolerance=Tolerance(),
                    peaks=list_peak_outputs(model.spec),
                    decode=lambda outputs, placed: decode(outputs, model.spec, placed, Camera()),
                )
            except (PoseDeployError, RuntimeError) as error:
                row.failure = f"FAILED: {first_line(error)}"
                return
            row.load_s = candidate.cost.load_s + candidate.cost.first_run_s
            row.graph = candidate.runner.runtime_info.details.get("CUDA graph", "")
            judge(row, parity, trained=model.source is None)
            candidates.append(candidate)
            kept.append(row)

        eager = RunOptions("cuda", cuda_graphs=False)
        add(Row(name, "pytorch eager", "fp32"), eager, lambda options: PyTorchRunner(model, options))
        for runtime, precision, opening in ways(model, folder, targets):
            row = Row(name, runtime, precision)
            if isinstance(opening, str):
                rows.append(row)
                row.failure = f"FAILED: {opening}"
            else:
                add(row, RunOptions("cuda", precision), opening)
        results = timing.measure(candidates, runs=RUNS)
        for row, result in zip(kept, results, strict=True):
            row.median_ms, row.spread = result.median_ms, result.spread or 0.0
            row.speedup = results[0].median_ms / result.median_ms
    torch.cuda.empty_cache()
    return rows


def judge(row: Row, parity: Parity, *, trained: bool) -> None:
    """Store the errors of the poses, and compare them with the tolerance of the precision."""
    poses = parity.poses
    assert poses is not None
    pixels = np.concatenate([image.distances_px for image in poses.images])
    millimeters = np.concatenate([image.distances_mm for image in poses.images])
    row.error_px = float(np.percentile(pixels, 95)) if len(pixels) else None
    row.error_mm = float(np.percentile(millimeters, 95)) if len(millimeters) else None
    row.unmatched_keypoints, row.keypoints = (
        sum(image.unmatched_keypoints for image in poses.images),
        len(pixels),
    )
    if row.precision != "fp32" and not trained:
        return
    row.is_judged = True
    px, mm = TOLERANCES[row.precision]
    most = 0 if row.precision == "fp32" else MAX_UNMATCHED * (row.keypoints + row.unmatched_keypoints)
    if not ((row.error_px or 0) <= px and (row.error_mm or 0) <= mm and row.unmatched_keypoints <= most):
        row.failure = f"FAILED: poses beyond {px:g} px, {mm:g} mm or {most:g} unmatched keypoints"


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


def plan(arguments: argparse.Namespace) -> None:
    """Print the rows that would be measured."""
    for name in ("sample", *CASES):
        targets = targets_of(name, arguments.aoti)
        is_available = name == "sample" or (arguments.cases / name).is_dir()
        print(
            f"{name}: "
            + (f"pytorch, {', '.join(targets)}" if is_available else f"skipped, not in {arguments.cases}")
        )


def targets_of(name: str, compiled: Sequence[str]) -> list[str]:
    """Return the targets of a network."""
    return ["torchscript", "onnx", *(["aoti"] if any(part in name for part in compiled) else [])]


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Measure and print every row."""
    table = Table()
    show(*TITLES)
    show(*("---" for _ in TITLES))
    with tempfile.TemporaryDirectory() as place:
        networks = list(models(arguments.cases, arguments.networks, Path(place)))
        for index, (name, model) in enumerate(networks):
            table.add(rows_of(name, model, Path(place) / str(index), targets_of(name, arguments.aoti)))
        if arguments.throughput:
            many(networks, Path(place))
    return table.rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(__file__).resolve().parents[2] / "shared" / "reference"
    folder = Path(os.environ.get("POSEDEPLOY_REFERENCE", shared))
    parser.add_argument("--cases", type=Path, default=folder / "cases" if folder.is_dir() else BUNDLED)
    parser.add_argument("--networks", nargs="*", default=[], help="beginnings of names; all if not given")
    parser.add_argument("--aoti", nargs="*", default=["sample"], help="parts of names to compile as well")
    parser.add_argument("--throughput", action="store_true", help=f"also time batches of {MANY}")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="print the rows that would be measured")
    arguments = parser.parse_args()
    if arguments.dry_run:
        plan(arguments)
        return 0
    if not torch.cuda.is_available():
        print("no CUDA device: nothing was measured", file=sys.stderr)
        return 1
    rows = measure(arguments)
    print(f"\n{torch.cuda.get_device_name()}, torch {torch.__version__}; {describe_machine()}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    failed = sum(bool(row.failure) for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} rows passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
