"""Trial files of an export under a budget: written, run on held-out inputs and compared with PyTorch."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from posedeploy import files
from posedeploy.api.budget_inputs import HeldOutInputs
from posedeploy.api.decoding_pair import build_pairing, list_peak_outputs
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.pose_comparison import PoseComparison
from posedeploy.benchmarks.runner_comparison import PairedInputs, compare_outputs
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.layer_choice import QuantizableNetwork
from posedeploy.decoders import Decode
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import devices_of, open_runner
from posedeploy.types import Artifact, MeasuredChoice, ModelSpec, OnProgress, RunOptions

SHOWN = ("px", "joint_mm", "depth_mm", "vertex_mm", "oks")
"""The measures of poses that a budget limits."""


@dataclass(frozen=True)
class Trial:
    """A measured file. failures: a sentence for each exceeded limit."""

    float_layers: tuple[str, ...]
    artifact: Artifact
    conversion: Conversion
    poses: PoseComparison
    failures: tuple[str, ...]

    @property
    def measured(self) -> MeasuredChoice:
        """The differences from PyTorch, without a time."""
        return measured_choice(self.poses)


def measured_choice(poses: PoseComparison) -> MeasuredChoice:
    """Return the figures of a comparison that budgets limit."""
    errors = {name: poses.summaries[name].p95.value for name in SHOWN if name in poses.summaries}
    return MeasuredChoice(errors=errors, unmatched_percent=100 * poses.unmatched_share)


@dataclass(kw_only=True)
class BudgetTrials:
    """Writes and measures a network with some layers in floating point.

    path: the path of the model file of the export; a network without layers is already there. folder: for
    trial files. reference: PyTorch in FP32. deadline: the time limit by ``time.monotonic``. count: the number
    of trials so far, of at most ``limit``. kept: the trials whose files still exist: that in INT8, the last
    one that was within the budget, and that with all layers in floating point.
    """

    network: QuantizableNetwork
    target: str
    spec: ModelSpec
    path: Path
    folder: Path
    reference: CachingRunner
    inputs: HeldOutInputs
    decode: Decode
    budget: Budget
    deadline: float
    limit: int
    on_progress: OnProgress
    count: int = 0
    kept: dict[frozenset[str], Trial] = field(default_factory=dict)

    @property
    def all_names(self) -> tuple[str, ...]:
        """The names of all layers that can be in INT8."""
        return tuple(layer.name for layer in self.network.layers)

    @property
    def is_time_up(self) -> bool:
        """Whether no further trial should start."""
        return time.monotonic() > self.deadline

    def meets_budget(self, float_layers: Sequence[str]) -> bool:
        """Write a trial file and compare its poses on all inputs."""
        names = tuple(float_layers)
        artifact, conversion = self._write(names, "measuring poses")
        parity = self._compare(artifact, self.inputs, self.decode)
        assert parity.paired is not None, "the network has a decoding"
        trial = Trial(names, artifact, conversion, parity.paired, tuple(self.budget.failures(parity.paired)))
        is_end = len(names) in (0, len(self.network.layers))
        if not trial.failures:
            self._discard_previous_choice()
        if is_end or not trial.failures:
            self.kept[frozenset(names)] = trial
        else:
            shutil.rmtree(artifact.path.parent)
        return not trial.failures

    def measure_effect(self, float_layers: Sequence[str]) -> float:
        """Write a trial file and return the mean squared error of its outputs, relative to their largest
        values, on a few inputs."""
        artifact, _ = self._write(tuple(float_layers), "ranking layers")
        parity = self._compare(artifact, self.inputs.for_ranking(), None)
        shutil.rmtree(artifact.path.parent)
        return measure_output_error(parity, self.spec)

    def _discard_previous_choice(self) -> None:
        """Delete the trial that was within the budget before, but neither of the two ends."""
        for names in [names for names in self.kept if 0 < len(names) < len(self.network.layers)]:
            shutil.rmtree(self.kept.pop(names).artifact.path.parent)

    def _write(self, names: Collection[str], activity: str) -> tuple[Artifact, Conversion]:
        self.on_progress(
            f"{activity}, trial {self.count + 1} of at most {self.limit}", self.count / self.limit
        )
        self.count += 1
        path = self.path
        if self.network.layers:
            path = self.folder / str(self.count) / self.path.name
            path.parent.mkdir()
        conversion = self.network.write(names, path)
        return describe_trial(path, self.target, self.spec, conversion), conversion

    def _compare(self, artifact: Artifact, pairs: PairedInputs, decode: Decode | None) -> Parity:
        return compare_trial(artifact, self.reference, pairs, decode)


def describe_trial(path: Path, target: str, spec: ModelSpec, conversion: Conversion) -> Artifact:
    """Return the artifact of a trial file, which is alone in its folder with the files that belong to it."""
    return Artifact(
        path=path,
        target=target,
        spec=spec,
        precision=conversion.precision,
        files={each.name: files.sha256(each) for each in path.parent.iterdir() if each.is_file()},
        details=conversion.details,
        inference_precision=conversion.inference_precision,
    )


def compare_trial(
    artifact: Artifact, reference: CachingRunner, pairs: PairedInputs, decode: Decode | None
) -> Parity:
    """Compare the outputs of a trial file with those of PyTorch and, with ``decode``, the poses."""
    spec = artifact.spec
    with open_trial(artifact) as runner:
        return compare_outputs(
            artifact.path.name,
            reference,
            adapt_runner(runner, spec),
            pairs,
            tolerance=Tolerance(),
            decode=decode,
            peaks=list_peak_outputs(spec),
            pairing=build_pairing(spec) if decode is not None else None,
        )


def measure_output_error(parity: Parity, spec: ModelSpec) -> float:
    """Return the mean squared error of the outputs that are decoded, relative to their largest values."""
    decoded = set(spec.roles.values()) or {output.name for output in parity.outputs}
    errors = [
        difference.rms_relative**2
        for output in parity.outputs
        if output.name in decoded
        for difference in output.differences
    ]
    return math.fsum(errors) / max(len(errors), 1)


def move_trial(trial: Path, path: Path) -> None:
    """Move a trial file, and all files in its folder, to the path of the export."""
    if trial != path:
        for file in trial.parent.iterdir():
            file.rename(path.parent / file.name)


def open_trial(artifact: Artifact) -> Runner:
    """Open a trial file on the first device that it runs on, in the precision that it needs."""
    return open_runner(artifact, RunOptions(devices_of(artifact)[0]))
