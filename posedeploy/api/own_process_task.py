"""The task of the child process of ``own_process.py``: load a model alone and measure what that costs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from posedeploy import plugins
from posedeploy.api.benchmark_candidates import BenchmarkOptions, CandidateLoader
from posedeploy.api.model_args import ModelArgs, optional_path
from posedeploy.benchmarks.energy import EnergyCounter, energy_counters
from posedeploy.benchmarks.footprint import Footprint, energy_per_run, peak_memory
from posedeploy.runtimes.isolated import RunnerReport
from posedeploy.types import Artifact, RunOptions


def measure(argument: Mapping[str, Any], enter: Callable[[str], None]) -> Any:
    """Return a ``Footprint``, as JSON, of a model or of PyTorch on its checkpoint.

    Raises:
        PoseDeployError: as of ``CandidateLoader.add``.
    """
    os.chdir(argument["folder"])  # so that messages have the path as the user wrote it
    options = msgspec.convert(argument["options"], RunOptions)
    settings = _settings(**argument["settings"])
    args = msgspec.convert(argument["args"], ModelArgs, dec_hook=_decode)
    source = argument["source"]
    model = Path(source) if isinstance(source, str) else msgspec.convert(source, Artifact, dec_hook=_decode)
    with ExitStack() as opened:
        loader = CandidateLoader(
            options, settings, args, opened, args_describe_all=argument["args_describe_all"]
        )
        enter("load")
        baseline_of = msgspec.convert(argument["baseline_of"], RunnerReport | None)
        start = perf_counter()
        candidate = loader.load_alone(model, baseline_of)
        loaded_s = perf_counter() - start
        enter("run")
        runner, tensors, cost = candidate.runner, candidate.tensors, candidate.cost
        energy = energy_per_run(lambda: runner.run(tensors), _energy_counters(options.device))
        enter("close")
    return msgspec.to_builtins(
        Footprint(
            max(0.0, loaded_s - cost.load_s - cost.first_run_s),
            cost.load_s,
            cost.first_run_s,
            peak_memory(),
            energy,
        )
    )


def _energy_counters(device: str) -> list[EnergyCounter]:
    """Return the readable counters of the processor and, if the model runs on a GPU, that of the GPU."""
    counters: list[EnergyCounter] = [*energy_counters()]
    if device == "cuda" and plugins.version_of("pynvml") and plugins.version_of("cuda"):
        counters += plugins.load("posedeploy.benchmarks.gpu_energy:gpu_energy_counters")()
    return counters


def _settings(
    input_size: list[int] | None,
    batch: int | None,
    runtime: str | None,
    checkpoint: str | None,
) -> BenchmarkOptions:
    return BenchmarkOptions(
        input_size=(input_size[0], input_size[1]) if input_size else None,
        batch=batch,
        runtime=runtime,
        checkpoint=optional_path(checkpoint),
    )


def _decode(kind: type, value: Any) -> Any:
    return kind(value)
