"""Measurement of models, each in a separate process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    is_alone: bool

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
                    rows[each] = replace(rows[each], footprint=self._measure(source, rows[each], candidate))
                except PoseDeployError as error:  # the times stay valid
                    failures[each] = str(error)
        return tuple(rows.values()), tuple(failures.values())

    def _measure(self, source: Model | Artifact | Path, row: Latency, candidate: Latency | None) -> Footprint:
        """Measure a model in a child process.

        Args:
            row: the times of the model.
            candidate: the times of the artifact whose baseline the model is; None for any other model.

        Raises:
            MeasurementError: the child cannot load or run the model, crashes, hangs or does not start.
        """
        tensors = candidate and RunnerReport(
            candidate.input_specs, candidate.output_specs, candidate.runtime_info
        )
        argument = {
            "source": str(source) if isinstance(source, Path) else msgspec.to_builtins(source, enc_hook=str),
            "options": msgspec.to_builtins(self.options),
            "settings": {
                "input_size": self.settings.input_size if self.settings.image is None else _image_size(row),
                "batch": self.settings.batch,
                "runtime": self.settings.runtime,
                "precision": self.settings.precision,
                "checkpoint": None if self.settings.checkpoint is None else str(self.settings.checkpoint),
            },
            "args": msgspec.to_builtins(self.args, enc_hook=str),
            "is_alone": self.is_alone,
            "baseline_of": msgspec.to_builtins(tensors),
            "folder": str(Path.cwd()),
        }
        where = f"{row.label}: cannot be measured in a separate process"
        with work_folder(f"the measurement of {row.label}") as work:
            try:
                return msgspec.convert(run_task(TASK, argument, work, time_limit_s=TIME_LIMIT_S), Footprint)
            except ChildFailedError as failure:
                raise MeasurementError(f"{where}, which {describe_failure(failure)}") from failure
            except PoseDeployError as error:
                raise MeasurementError(f"{where}: {error}") from error


def _image_size(row: Latency) -> tuple[int, int]:
    """Return the (height, width) in px of the image that a network ran on."""
    spec = row.input_specs[0]
    height, width = replace(spec, shape=row.input_shapes[spec.name]).image_size
    return int(height), int(width)
