"""Measure models that are each alone in a process of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from posedeploy.api.benchmark_candidates import BenchmarkOptions
from posedeploy.api.model_args import ModelArgs, get_path
from posedeploy.benchmarks.footprint import Footprint
from posedeploy.benchmarks.latency import Latency
from posedeploy.errors import InputError, MeasurementError
from posedeploy.isolation.messages import describe_failure
from posedeploy.isolation.tasks import ChildFailedError, run_task, work_folder
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
    ) -> tuple[Latency, ...]:
        """Return the results with the footprint of each model.

        Args:
            sources: each model, and its label in the results.

        Raises:
            MeasurementError: a child process crashes, hangs or cannot be started.
        """
        rows = {row.label: row for row in results}
        for source, label in sources:
            on_progress(f"measuring {label} in its own process", None)
            rows[label] = replace(rows[label], footprint=self._measure(source, label, baseline=False))
            baseline = rows[label].baseline
            if baseline is not None and rows[baseline].footprint is None:
                on_progress(f"measuring {baseline} in its own process", None)
                footprint = self._measure(source, baseline, baseline=True)
                rows[baseline] = replace(rows[baseline], footprint=footprint)
        return tuple(rows.values())

    def _measure(self, source: Model | Artifact | Path, label: str, *, baseline: bool) -> Footprint:
        argument = {
            "source": str(source) if isinstance(source, Path) else msgspec.to_builtins(source, enc_hook=str),
            "options": msgspec.to_builtins(self.options),
            "settings": {
                "input_size": self.settings.input_size,
                "batch": self.settings.batch,
                "runtime": self.settings.runtime,
                "checkpoint": None if self.settings.checkpoint is None else str(self.settings.checkpoint),
            },
            "args": msgspec.to_builtins(self.args, enc_hook=str),
            "is_alone": self.is_alone,
            "baseline": baseline,
            "folder": str(Path.cwd()),
        }
        with work_folder(f"the measurement of {label}") as work:
            try:
                return msgspec.convert(run_task(TASK, argument, work, time_limit_s=TIME_LIMIT_S), Footprint)
            except ChildFailedError as failure:
                raise MeasurementError(
                    f"{label}: cannot be measured in a process of its own, which "
                    f"{describe_failure(failure)}; leave `footprint` out"
                ) from failure
