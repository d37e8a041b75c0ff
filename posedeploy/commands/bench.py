"""``posedeploy bench``: the latency of models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from posedeploy import plugins
from posedeploy.api.benchmark_candidates import BenchmarkOptions
from posedeploy.api.latency_report import LatencyReport
from posedeploy.api.model_args import ModelArgs, ModelKeywords, is_sample
from posedeploy.backends import RUNTIMES
from posedeploy.benchmarks.latency import Latency
from posedeploy.console.model_lists import models_in, select_by_device
from posedeploy.console.output import out, show, warn, write_json
from posedeploy.console.tables import (
    comparison_table,
    footprint_table,
    integers_line,
    latency_table,
    layers_line,
    own_process_table,
    stages_table,
)
from posedeploy.errors import InputError
from posedeploy.printable import counted
from posedeploy.types import Artifact, RunOptions


def check_arguments(
    options: BenchmarkOptions, device: str, threads: int | None, keywords: ModelKeywords
) -> None:
    """Check the arguments that do not depend on the models.

    Raises:
        InputError, DeviceError: an argument is invalid, or two exclude each other.
    """
    if options.runtime is not None and options.runtime not in RUNTIMES:
        raise InputError(f"`runtime={options.runtime}`: unknown runtime; expected {', '.join(RUNTIMES)}")
    checkpoint = options.checkpoint
    if checkpoint is not None and not (checkpoint.exists() or is_sample(checkpoint)):
        raise InputError(f"`checkpoint={checkpoint}`: no such file or folder")
    RunOptions(device, threads=threads)
    ModelArgs.of(keywords).check()


def list_or_export(folder: Path, device: str, runtime: str | None) -> list[Path]:
    """Return the artifacts of a folder that the runtime runs on the device, or all if it runs none.

    If the folder contains no artifacts, the built-in sample is exported into it first.
    """
    RunOptions(device)  # checks it before the export
    paths = models_in(folder)
    if not paths:
        artifacts: list[Artifact] = plugins.load("posedeploy.commands.export:export_sample")(folder)
        paths = [artifact.path for artifact in artifacts]
    return select_by_device(paths, device, runtime)


def measurement_line(results: Sequence[Latency]) -> str:
    """Return what was measured: the number of models and how they ran."""
    first, blocks = results[0], sorted({result.block for result in results})
    times = first.describe_times(len(first.times_s))
    if len(blocks) > 1:
        times = f"{counted(len(first.times_s), 'timed block')} of {blocks[0]} to {blocks[-1]} runs"
    batches = sorted({result.batch for result in results})
    images = "1 image" if batches == [1] else f"{' or '.join(map(str, batches))} images"
    return (
        f"measured: {counted(len(results), 'model', 'models')}, {first.scenario}, {images} in a run, "
        f"{times} each, in random order; intervals at 95% confidence"
    )


def fastest_line(results: Sequence[Latency]) -> str:
    """Return the fastest of several models, by the time per image; empty for one model."""
    if len(results) < 2:
        return ""
    fastest, second = sorted(results, key=lambda result: result.median_ms / result.batch)[:2]
    per_image = [result.median_ms / result.batch for result in (fastest, second)]
    unit = "ms" if fastest.batch == second.batch == 1 else "ms per image"
    times = f"median {per_image[0]:.2f} {unit}, {second.label} {per_image[1]:.2f} {unit}"
    speedup = f", {fastest.speedup:.2f}x PyTorch" if fastest.speedup else ""
    return f"fastest: {fastest.label} on {fastest.runtime_info.runtime} ({times}{speedup})"


def show_latency(report: LatencyReport, json: Path | None, compared_with: Path | None = None) -> None:
    """Show the tables, what was compared, the fastest model and the warnings; write the JSON."""
    show(latency_table(report.results), footprint_table(report.results))
    if any(result.decode_times_s for result in report.results):
        show(stages_table(report.results))
    if any(result.footprint for result in report.results):
        show(own_process_table(report.results))
    if compared_with is not None:
        show(comparison_table(report.comparisons, str(compared_with)))
    out.print(str(report.machine), style="dim", markup=False)
    for line in filter(None, [*map(integers_line, report.results), *map(layers_line, report.results)]):
        out.print(line, markup=False, soft_wrap=True)
    for line in filter(None, (measurement_line(report.results), fastest_line(report.results))):
        out.print(line, markup=False)
    for warning in report.warnings:
        warn(warning)
    if json is not None:
        write_json(json, report.to_json())
