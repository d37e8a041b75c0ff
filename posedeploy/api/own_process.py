"""Measurement of models, each in a separate process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from posedeploy.api.benchmark_candidates import BenchmarkOptions
from posedeploy.api.model_args import ModelArgs, get_path
from posedeploy.benchmarks.footprint import Footprint
from posedeploy.benchmarks.latency import Latency
from posedeploy.errors import InputError, MeasurementError, PoseDeployError
from posedeploy.isolation.messages import describe_failure
from posedeploy.isolation.tasks import ChildFailedError, run_task, work_folder
from posedeploy.runtimes.isolated import RunnerReport
from posedeploy.types import Artifact, Model, OnProgress, RunOptions

TASK = "posedeploy.api.own_process_task:measure"
TIME_LIMIT_S = 600.0


@dataclass(frozen=True)
class OwnProcess:
    """Measures models in child processes, as a benchmark with these settings loads them."""

    options: RunOptions
    settings: BenchmarkOptions
    args: ModelArgs
    args_describe_all: bool
    time_limit_s: float = field(default_factory=lambda: TIME_LIMIT_S)

    def check(self, sources: Sequence[Model | Artifact | Path]) -> None:
        """Check that the models can be loaded in another process.

        Raises:
            InputError: one is an object of this process.
        """
        for source in sources:
            if isinstance(source, Model):
                raise InputError(
                    f"`footprint`: {get_path(source)} is loaded in this process, and another one cannot use "
                    "it; pass its path"
                )

    def add_footprints(
        self,
        results: Sequence[Latency],
        sources: Sequence[tuple[Model | Artifact | Path, str]],
        on_progress: OnProgress,
    ) -> tuple[tuple[Latency, ...], tuple[str, ...]]:
        """Return the results with the footprint of each model, and why some have none.

        Args:
            sources: each model, and its label in the results.
        """
        rows = {row.label: row for row in results}
        failures: dict[str, str] = {}
        for source, label in sources:
            baseline = rows[label].baseline
            for each in (label, baseline):
                if each is None or each in failures or rows[each].footprint is not None:
                    continue
                on_progress(f"measuring {each} in a separate process", None)
                candidate = rows[label] if each == baseline else None
                try:
                    footprint = self._measure_row(source, rows[each], candidate)
                    rows[each] = replace(rows[each], footprint=footprint)
                except PoseDeployError as error:  # the times stay valid
                    failures[each] = str(error)
        return tuple(rows.values()), tuple(failures.values())

    def _measure_row(
        self, source: Model | Artifact | Path, row: Latency, candidate: Latency | None
    ) -> Footprint:
        """Measure a model in a child process.

        Args:
            row: the times of the model.
            candidate: the times of the artifact whose baseline the model is; None for any other model.
        """
        tensors = None
        if candidate is not None:
            tensors = RunnerReport(candidate.input_specs, candidate.output_specs, candidate.runtime_info)
        size = self.settings.input_size if self.settings.image is None else _image_size(row)
        return self.measure(source, row.label, size, tensors)

    def measure(
        self,
        source: Model | Artifact | Path,
        label: str,
        input_size: tuple[int, int] | None = None,
        baseline_of: RunnerReport | None = None,
    ) -> Footprint:
        """Measure a model in a child process.

        Args:
            label: the label of the model, for messages.
            input_size: (height, width) in px, for free axes.
            baseline_of: the tensors of the artifact whose baseline to measure; None for the model itself.

        Raises:
            MeasurementError: the child cannot load or run the model, crashes, hangs or does not start.
        """
        argument = {
            "source": str(source) if isinstance(source, Path) else msgspec.to_builtins(source, enc_hook=str),
            "options": msgspec.to_builtins(self.options),
            "settings": {
                "input_size": input_size,
                "batch": self.settings.batch,
                "runtime": self.settings.runtime,
                "checkpoint": None if self.settings.checkpoint is None else str(self.settings.checkpoint),
            },
            "args": msgspec.to_builtins(self.args, enc_hook=str),
            "args_describe_all": self.args_describe_all,
            "baseline_of": msgspec.to_builtins(baseline_of),
            "folder": str(Path.cwd()),
        }
        where = f"{label}: cannot be measured in a separate process"
        with work_folder(f"the measurement of {label}") as work:
            try:
                footprint = run_task(TASK, argument, work, time_limit_s=self.time_limit_s)
                return msgspec.convert(footprint, Footprint)
            except ChildFailedError as failure:
                raise MeasurementError(f"{where}, which {describe_failure(failure)}") from failure
            except PoseDeployError as error:
                raise MeasurementError(f"{where}: {error}") from error


def _image_size(row: Latency) -> tuple[int, int]:
    """Return the (height, width) in px of the image that a network ran on."""
    spec = row.input_specs[0]
    height, width = replace(spec, shape=row.input_shapes[spec.name]).image_size
    return int(height), int(width)
