"""Comparison of the times of models with an earlier report that was measured with the same settings."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from posedeploy import artifact_files
from posedeploy.api.bench_document import WHAT, BenchDocument, Head
from posedeploy.api.latency_report import FORMAT, VERSION
from posedeploy.backends import target_of
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import Machine
from posedeploy.benchmarks.time_comparison import (
    TimeComparison,
    compare_in_rounds,
    compare_measurements,
)
from posedeploy.benchmarks.timed_network import TimedNetwork
from posedeploy.benchmarks.timing import Candidate
from posedeploy.errors import InputError, PoseDeployError, first_line
from posedeploy.input_files import path_exists
from posedeploy.printable import listed
from posedeploy.runtimes.load_runner import open_artifact
from posedeploy.text_files import read_json
from posedeploy.types import Artifact, Scenario

logger = logging.getLogger(__name__)

SAME_MACHINE = ("cpu", "physical_cores", "logical_cores")
"""Fields of a machine that must be equal for times to be compared."""
SIMILAR_MACHINE = ("governor", "system", "python")
"""Fields that may explain a difference between times. A remark names those that differ."""
SAME_RUN: Mapping[str, Callable[[Latency], Any]] = {
    "runtime": lambda row: row.runtime_info.runtime,
    "device": lambda row: row.runtime_info.device,
    "precision": lambda row: row.runtime_info.precision,
    "threads": lambda row: row.runtime_info.threads,
    "scenario": lambda row: row.scenario,
    "batch": lambda row: row.batch,
    "input shapes": lambda row: " ".join("x".join(map(str, shape)) for shape in row.input_shapes.values()),
}
"""Settings that must be equal for two rows to be compared."""
EARLIER = " (earlier)"
"""The end of the label of a file of the earlier report that runs in the same rounds."""
DATA_TARGETS = frozenset({"onnx", "openvino", "tflite"})
"""The targets whose files contain no code to execute, so that a report may name the file to load."""
MAX_LISTED = 5
"""The maximum number of labels in a message."""


def read_report(path: Path) -> EarlierReport:
    """Read the JSON of an earlier report.

    Raises:
        InputError: the file is not such a report, has another version, or contains no raw times.
    """
    head, subject = read_json(path, WHAT, Head), f"`compare={path}`"
    if head != Head(FORMAT, VERSION):
        raise InputError(
            f"{subject}: not {WHAT}",
            found=str(head),
            expected=str(Head(FORMAT, VERSION)),
            hint="pass a model, or a file that this release of `posedeploy bench` wrote",
        )
    document = read_json(path, WHAT, BenchDocument).checked(subject)
    return EarlierReport(path, document.machine, {row.label: row for row in document.results})


@dataclass(frozen=True)
class EarlierReport:
    """An earlier report: its machine, and its rows by label."""

    path: Path
    machine: Machine
    rows: Mapping[str, Latency]

    def check_machine(self, machine: Machine) -> None:
        """Check that this is the machine of the report.

        Raises:
            InputError: the report was measured on another machine.
        """
        differences = [
            f"{name} {getattr(self.machine, name)} in the report, {getattr(machine, name)} on this machine"
            for name in SAME_MACHINE
            if getattr(self.machine, name) != getattr(machine, name)
        ]
        if self.machine.gpu and machine.gpu and self.machine.gpu != machine.gpu:
            differences.append(f"gpu {self.machine.gpu} in the report, {machine.gpu} on this machine")
        if differences:
            raise InputError(
                f"`compare={self.path}`: the earlier report was measured on another machine: "
                f"{'; '.join(differences)}; measure both on the same machine"
            )

    def check_candidates(self, candidates: Sequence[Candidate], scenario: Scenario) -> None:
        """Check, before anything is timed, that a row of the report belongs to each model.

        Raises:
            InputError: a row is missing, or was measured with other options.
        """
        baselines = {candidate.baseline.label for candidate in candidates if candidate.baseline}
        for candidate in candidates:
            if candidate.label in baselines or candidate.label.endswith(EARLIER):
                continue
            if candidate.label not in self.rows:
                raise InputError(
                    f"`compare={self.path}`: the report has no times of {candidate.label}",
                    found=listed(list(self.rows), MAX_LISTED) or "no times",
                    hint="measure the same models again, under the same names",
                )
            row = self.rows[candidate.label]
            differences = _differences(candidate.describe(scenario), row)
            if (candidate.pipeline is None) != (not row.decode_times_s):
                differences.append(
                    f"{_inputs(row.decode_times_s)} in the report, {_inputs(candidate.pipeline)} now"
                )
            if differences:
                raise InputError(
                    f"`compare={self.path}`: {candidate.label} was measured with other options: "
                    f"{'; '.join(differences)}; measure again with the same options"
                )

    def find_models(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Artifact, str]]:
        """Yield the files that the report was measured on, where a model has changed since, with labels.

        A file is searched where it was, and next to the report. It must have the recorded hashes, and the
        runtime must have the recorded version: else its time now is not its time in the report. The caller
        may add candidates meanwhile.
        """
        for candidate in list(candidates):
            row = self.rows.get(candidate.label)
            if (
                row is None
                or candidate.label.endswith(EARLIER)
                or not row.path
                or row.model_sha256 == candidate.model_sha256
            ):
                continue
            if row.runtime_info.version != candidate.runner.runtime_info.version:
                continue
            recorded = Path(row.path)
            paths = dict.fromkeys((recorded, self.path.absolute().with_name(recorded.name)))
            passed = {other.path for other in candidates}
            files = (artifact for path in paths if (artifact := _open_same(path, row, passed)) is not None)
            if (artifact := next(files, None)) is not None:
                logger.info(f"{candidate.label}: compared with {artifact.path} of the earlier report")
                yield artifact, candidate.label + EARLIER

    def compare(self, results: Sequence[Latency]) -> tuple[TimeComparison, ...]:
        """Compare each model with its earlier file in the same rounds, where that was timed.

        Compare others with their times in this report, relative to PyTorch if that was timed in both.
        """
        rows = {result.label: result for result in results}
        baselines = {result.baseline for result in results}
        models = [row for row in results if row.label not in baselines and not row.label.endswith(EARLIER)]
        return tuple(self._compare(row, rows) for row in models)

    def remarks(self, machine: Machine, results: Sequence[Latency]) -> tuple[str, ...]:
        """Return what else differs between the measurements, a sentence each."""
        pairs = [(name, getattr(self.machine, name), getattr(machine, name)) for name in SIMILAR_MACHINE]
        pairs += [
            (name, self.machine.packages.get(name), version) for name, version in machine.packages.items()
        ]
        pairs += [
            (
                f"{row.runtime_info.runtime}",
                self.rows[row.label].runtime_info.version,
                row.runtime_info.version,
            )
            for row in results
            if row.label in self.rows
        ]
        unlike = dict.fromkeys(f"{name} is {new} and was {old}" for name, old, new in pairs if old != new)
        return tuple(f"{self.path}: {difference}" for difference in unlike)

    def _compare(self, row: Latency, rows: Mapping[str, Latency]) -> TimeComparison:
        if (earlier := rows.get(row.label + EARLIER)) is not None:
            compared = compare_in_rounds(row, earlier)
            return replace(compared, against=self.path.name, earlier_file=earlier.path)
        new, old = TimedNetwork(row), TimedNetwork(self.rows[row.label])
        reference = _common_reference(row, rows, old.result, self.rows)
        if reference is not None:
            new, old = TimedNetwork(row, reference[0]), TimedNetwork(old.result, reference[1])
        return compare_measurements(new, old, self.path.name)


def _open_same(path: Path, row: Latency, passed: Collection[str | None]) -> Artifact | None:
    """Open a model file, if it exists and is the one that a row was measured on. Log why it is not used.

    passed: the paths of the files of the user, which may contain code.
    """
    if not path_exists(path):
        return None
    try:
        target = target_of(path).name
        if target not in DATA_TARGETS and str(path.absolute()) not in passed:
            reason = f"{target} files can contain code, which runs only if you pass the file itself"
        else:
            artifact = open_artifact(path)
            if artifact_files.hashes_of(artifact_files.verify(artifact)) == row.model_sha256:
                return artifact
            reason = "it has changed since"
    except (PoseDeployError, OSError) as error:
        reason = first_line(error)
    logger.info(f"{row.label}: the earlier file {path} is not timed again: {reason}")
    return None


def _common_reference(
    new: Latency, new_rows: Mapping[str, Latency], old: Latency, old_rows: Mapping[str, Latency]
) -> tuple[Latency, Latency] | None:
    """Return the row of PyTorch in both measurements; None if it is missing or not the same in one."""
    if new.baseline is None or new.baseline != old.baseline or old.baseline not in old_rows:
        return None
    ours, theirs = new_rows[new.baseline], old_rows[old.baseline]
    is_same = (
        not _differences(ours, theirs)
        and ours.runtime_info.version == theirs.runtime_info.version
        and ours.model_sha256 == theirs.model_sha256
        and len(theirs.times_s) == len(old.times_s)
    )
    return (ours, theirs) if is_same else None


def _inputs(pipeline: object) -> str:
    return "an image" if pipeline else "noise"


def _differences(new: Latency, old: Latency) -> list[str]:
    return [
        f"{name} {of(old)} in the report, {of(new)} now"
        for name, of in SAME_RUN.items()
        if of(old) != of(new)
    ]
