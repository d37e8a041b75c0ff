"""Measure every runtime and precision of one network on a GPU, and judge its poses (``gpu_table.py``)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import plugins
from posedeploy.api.decoding_pair import list_peak_outputs
from posedeploy.benchmarks import timing
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.input_shapes import match_candidate, with_batch, with_fixed_size
from posedeploy.benchmarks.inputs import SEED, NetworkInput, build_image_input
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.runner_comparison import compare_outputs
from posedeploy.benchmarks.synthetic_inputs import build_people_inputs, generate_images_of_input_size
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.errors import PoseDeployError, first_line
from posedeploy.families import FAMILIES
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Artifact, Camera, Model, ModelSpec, Precision, RunOptions, Tensors
from tools.gpu_exports import PRECISIONS, read_exported

RUNS, IMAGES = 30, 4
TOLERANCES = {"fp32": (0.5, 1.0), "tf32": (1.0, 5.0), "fp16": (1.0, 5.0)}
"""The tolerances of poses at the 95th percentile, in px and mm, by precision. BF16 itself loses keypoints, in
PyTorch too, so its poses are shown and not judged."""
MAX_UNMATCHED = 0.05
"""The fraction of keypoints that may be unmatched, in a precision other than FP32."""
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


def samples_of(spec: ModelSpec) -> list[NetworkInput]:
    """Return the inputs of every row, at the fixed shapes of an export."""
    if spec.joints is not None:
        return build_people_inputs(with_batch(spec, 1), IMAGES, seed=SEED)
    chosen = with_fixed_size(spec)
    matched = match_candidate(spec, chosen)
    return [build_image_input(matched, *each) for each in generate_images_of_input_size(chosen, IMAGES)]


def ways(
    name: str, model: Model, exports: Path, targets: Sequence[str]
) -> Iterator[tuple[str, Precision, Opener | str]]:
    """Yield the runtime, the precision, and a function that opens the runner, or a refusal."""
    precisions: tuple[Precision, ...] = ("fp32", "tf32", "fp16", "bf16")
    for precision in precisions:
        yield "pytorch", precision, lambda options: PyTorchRunner(model, options)
    for target in targets:
        for exported in PRECISIONS[target]:
            artifact = read_exported(exports, name, target, exported)
            if isinstance(artifact, str):
                yield target, exported, artifact
                continue
            yield target, exported, opener(artifact)
            if exported == "fp32":
                yield target, "tf32", opener(artifact)


def opener(artifact: Artifact) -> Opener:
    """Return a function that opens the artifact."""
    return lambda options: open_runner(artifact, options)


def rows_of(name: str, model: Model, exports: Path, targets: Sequence[str]) -> list[Row]:
    """Measure every runtime and precision of one network, eager first.

    Args:
        exports: the folder of ``gpu_exports.py``.
    """
    decode = plugins.load(f"{FAMILIES[model.spec.family].poses}:decode")
    samples = samples_of(model.spec)
    tensors = samples[0].tensors
    rows, candidates, kept = [], [], []
    with ExitStack() as opened:
        reference = CachingRunner(opened.enter_context(PyTorchRunner(model, RunOptions())))

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
        for runtime, precision, opening in ways(name, model, exports, targets):
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
    return rows


def judge(row: Row, parity: Parity, *, trained: bool) -> None:
    """Store the errors of the poses, and compare them with the tolerance of the precision."""
    poses = parity.poses
    assert poses is not None
    pixels = np.concatenate([image.distances_px for image in poses.images])
    millimeters = np.concatenate([image.distances_mm for image in poses.images])
    with np.errstate(invalid="ignore"):  # FP16 that overflows gives NaN, and the table shows it
        row.error_px = float(np.percentile(pixels, 95)) if len(pixels) else None
        row.error_mm = float(np.percentile(millimeters, 95)) if len(millimeters) else None
    row.unmatched_keypoints, row.keypoints = (
        sum(image.unmatched_keypoints for image in poses.images),
        len(pixels),
    )
    if row.precision not in TOLERANCES or (row.precision != "fp32" and not trained):
        return
    row.is_judged = True
    px, mm = TOLERANCES[row.precision]
    most = 0 if row.precision == "fp32" else MAX_UNMATCHED * (row.keypoints + row.unmatched_keypoints)
    if not ((row.error_px or 0) <= px and (row.error_mm or 0) <= mm and row.unmatched_keypoints <= most):
        row.failure = f"FAILED: poses beyond {px:g} px, {mm:g} mm or {most:g} unmatched keypoints"
