"""Open the candidates of a search: first in a child process, which may crash, and then in this one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from posedeploy.api.benchmark_candidates import BenchmarkOptions, CandidateLoader
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.own_process import TIME_LIMIT_S, OwnProcess
from posedeploy.api.tuning_files import ModelFiles
from posedeploy.api.tuning_options import TuneOptions
from posedeploy.backends import RUNTIMES
from posedeploy.benchmarks import timing
from posedeploy.errors import DeviceError, MeasurementError, PoseDeployError
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import resolve_spec
from posedeploy.tuning.configurations import Configuration
from posedeploy.tuning.deadline import Deadline
from posedeploy.tuning.failures import is_temporary, lacks_device
from posedeploy.tuning.state import BASELINE, CandidateRecord, State
from posedeploy.types import Artifact, Hint, Model, ModelSpec, OnProgress, RunOptions

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenCandidate:
    """A loaded candidate.

    runner: returns the outputs as decoding needs them: real numbers, channels first. close: releases it.
    """

    configuration: Configuration
    timed: timing.Candidate
    spec: ModelSpec
    runner: Runner
    close: Callable[[], None]

    @property
    def label(self) -> str:
        """The label of the configuration."""
        return self.configuration.label


class CandidateOpener:
    """Opens candidates, and remembers in the state why one cannot run. ``save`` writes the state."""

    def __init__(
        self,
        model_files: ModelFiles,
        options: TuneOptions,
        state: State,
        save: Callable[[], None],
        deadline: Deadline,
        on_progress: OnProgress,
    ) -> None:
        self._files, self._options, self._state, self._save = model_files, options, state, save
        self._deadline, self._on_progress = deadline, on_progress
        self._unusable: dict[str, str] = {}  # the runtimes that lack the device, with the message

    def has_failed(self, configuration: Configuration) -> bool:
        """Return whether it is known that a configuration cannot be exported or cannot run."""
        record = self._state.candidates.get(configuration.label, CandidateRecord())
        return bool(
            record.reason
            or configuration.runtime in self._unusable
            or self._files.has_failed(configuration.file)
        )

    def open(self, configuration: Configuration) -> OpenCandidate:
        """Export a configuration if necessary, load it in a child process and then in this one.

        Raises:
            PoseDeployError: it cannot be exported, or cannot run.
        """
        record = self._state.candidates.setdefault(configuration.label, CandidateRecord())
        if record.reason:
            raise MeasurementError(record.reason)
        if configuration.runtime in self._unusable:
            raise DeviceError(self._unusable[configuration.runtime])
        artifact = self._files.open(configuration.file)
        try:
            if record.footprint is None:
                self._try_alone(configuration, artifact, record)
            return self._load(configuration, artifact, record)
        except PoseDeployError as error:
            if lacks_device(error):
                self._unusable[configuration.runtime] = short_reason(error, configuration.label)
            if not is_temporary(error) and not self._deadline.has_passed():  # it may have ended the child
                record.reason = short_reason(error, configuration.label)
                self._save()
            raise

    def _try_alone(self, configuration: Configuration, artifact: Artifact, record: CandidateRecord) -> None:
        self._on_progress(f"loading {configuration.label} in a separate process", None)
        limit = min(TIME_LIMIT_S, self._deadline.remaining_s + 1)
        options, settings = self._settings(configuration, artifact)
        own_process = OwnProcess(options, settings, ModelArgs(), args_describe_all=True, time_limit_s=limit)
        record.footprint = own_process.measure(artifact, configuration.label)
        self._save()

    def _settings(
        self, configuration: Configuration, artifact: Artifact
    ) -> tuple[RunOptions, BenchmarkOptions]:
        options = run_options(configuration, artifact, self._options.device)
        return options, BenchmarkOptions(runtime=configuration.runtime)

    def _load(
        self, configuration: Configuration, artifact: Artifact, record: CandidateRecord
    ) -> OpenCandidate:
        self._on_progress(f"loading {configuration.label}", None)
        options, settings = self._settings(configuration, artifact)
        with ExitStack() as opened:
            loader = CandidateLoader(options, settings, ModelArgs(), opened, args_describe_all=True)
            timed = replace(loader.load_alone(artifact), label=configuration.label)
            spec = resolve_spec(artifact, timed.runner)
            runner = adapt_runner(timed.runner, spec)
            record.runtime_info = timed.runner.runtime_info
            return OpenCandidate(configuration, timed, spec, runner, opened.pop_all().close)


def short_reason(error: PoseDeployError, label: str) -> str:
    """Return the message of an error without the label of the candidate, which is shown next to it."""
    return str(error).removeprefix(f"{label}: ")


def run_options(configuration: Configuration, artifact: Artifact, device: str) -> RunOptions:
    """Return how to run the artifact of a configuration."""
    return RunOptions(device, None, configuration.threads, configuration.hint)


def open_baseline(
    model: Model, options: TuneOptions, threads: int | None, opened: ExitStack
) -> timing.Candidate:
    """Return PyTorch on the checkpoint at the published input size; on the CPU for devices of other runtimes.

    Raises:
        DeviceError: torch does not have the device.
    """
    device = options.device if options.device in RUNTIMES["pytorch"].devices else "cpu"
    if device != options.device:
        logger.info(f"PyTorch does not run on {options.device}: speedups are relative to PyTorch on the CPU")
    hint: Hint = "throughput" if options.objective == "throughput" else "latency"
    loader = CandidateLoader(
        RunOptions(device, threads=threads, hint=hint),
        BenchmarkOptions(),
        ModelArgs(),
        opened,
        args_describe_all=True,
    )
    return replace(loader.add(model), label=BASELINE)


@dataclass
class ActiveCandidate:
    """A candidate that is measured further.

    opened: None as long as the state has all measurements that are needed.
    """

    configuration: Configuration
    opened: OpenCandidate | None = None

    @property
    def label(self) -> str:
        """The label of the configuration."""
        return self.configuration.label
