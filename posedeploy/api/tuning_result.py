"""The end of a search: the winner and its parity report, the files of the result, and the report."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from posedeploy import files
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.no_winner import explain_no_winner
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.parity_report import ParityReport
from posedeploy.api.pytorch_parity import compare_with_pytorch
from posedeploy.api.tune_document import TuneDocument
from posedeploy.api.tuning_candidates import run_options, short_reason
from posedeploy.api.tuning_files import ModelFiles, list_files
from posedeploy.api.tuning_inputs import check_readable
from posedeploy.api.tuning_options import LeftOut, TuneOptions
from posedeploy.api.tuning_outputs import JSON_NAME, PARITY_NAME, PLOT_NAME, hash_outputs, list_unchanged
from posedeploy.api.tuning_report import Status, TuneRow, TuningReport, rank_rows
from posedeploy.api.tuning_search import TIME_LIMIT_REASON, Search
from posedeploy.backends import target_named
from posedeploy.benchmarks.machine_info import Machine
from posedeploy.benchmarks.parity import Parity
from posedeploy.errors import PoseDeployError
from posedeploy.tuning.configurations import Configuration
from posedeploy.tuning.costs import measure_cost
from posedeploy.tuning.deadline import Deadline
from posedeploy.tuning.failures import is_temporary
from posedeploy.tuning.state import STATE_NAME, CandidateRecord, FileRecord, State
from posedeploy.types import Artifact, Model, OnProgress


@dataclass(frozen=True)
class Winner:
    """The best candidate that passes parity with the budget."""

    row: TuneRow
    artifact: Artifact
    parity: Parity


@dataclass(frozen=True, kw_only=True)
class ResultWriter:
    """Chooses the winner of a search, and writes the result to a folder.

    images: the images of the user that errors are measured on, with names.
    """

    model: Model
    args: ModelArgs
    options: TuneOptions
    folder: Path
    state: State
    model_files: ModelFiles
    images: tuple[tuple[str, Path], ...]
    machine: Machine
    left_out: tuple[LeftOut, ...]
    deadline: Deadline
    on_progress: OnProgress

    def write(self, search: Search) -> TuningReport:
        """Return the report, after it and the winner were written.

        Raises:
            OutputError: the files cannot be written.
        """
        failed_parity = dict(self.state.failed_parity)
        chosen = self._choose(search, failed_parity)
        winner = chosen if isinstance(chosen, Winner) else None
        rows = self._rows(search)
        baseline = measure_cost(search.baseline_times, search.baseline_times)
        report = TuningReport(
            rows=tuple(rows),
            budget=self.options.budget,
            objective=self.options.objective,
            device=self.options.device,
            settings=self.state.settings,
            machine=self.machine,
            inputs=search.inputs,
            baseline_s=baseline.baseline_s if baseline is not None else None,
            left_out=self.left_out,
            failed_parity=failed_parity,
            not_compared=chosen if isinstance(chosen, str) else None,
            has_progressed=search.has_progressed,
            blocks=self.state.blocks,
        )
        if winner is None:
            report = replace(report, no_winner_reason=explain_no_winner(report))
        else:
            path = self.folder / winner.artifact.path.name
            report = replace(
                report,
                winner=next(row for row in rows if row.label == winner.row.label),
                winner_path=str(path),
                run_options=self._run_options(winner),
                parity=ParityReport((replace(winner.parity, label=str(path)),), machine=self.machine),
            )
        self._write(report, winner)
        return report

    def _choose(self, search: Search, failed: dict[str, str]) -> Winner | str | None:
        """Return the best candidate that passes parity, and add those that do not to ``failed``.

        After the time limit, only the first comparison begins. The label of the next candidate is returned
        instead.
        """
        has_compared = False
        while True:
            ranked = rank_rows(self._rows(search), self.options.objective)
            row = next((row for row in ranked if row.label not in failed), None)
            if row is None:
                return None
            if search.complete_errors(row.label):  # it was dropped before all inputs were measured
                continue
            if has_compared and self.deadline.has_passed():
                return row.label
            has_compared = True
            self.on_progress(f"comparing {row.label} with PyTorch", None)
            try:
                artifact = self.model_files.open(row.configuration.file)
                parity = self._compare(row.configuration, artifact)
            except PoseDeployError as error:
                check_readable(self.images)
                failed[row.label] = short_reason(error, row.label)
                if not is_temporary(error):
                    self.state.failed_parity[row.label] = failed[row.label]
                continue
            if parity.passed:
                return Winner(row, artifact, parity)
            failed[row.label] = self.state.failed_parity[row.label] = "; ".join(parity.failures)

    def _compare(self, configuration: Configuration, artifact: Artifact) -> Parity:
        settings = ParityOptions(
            readable_images=self.images,
            runtime=configuration.runtime,
            budget=self.options.budget,
            tries_mistakes=False,
        )
        options = run_options(configuration, artifact, self.options.device)
        args = ModelArgs(network=self.model.network, mesh=self.model.mesh)
        return compare_with_pytorch(artifact, options, settings, args, self.on_progress)

    def _rows(self, search: Search) -> list[TuneRow]:
        return [self._row(configuration, search) for configuration in search.configurations.values()]

    def _row(self, configuration: Configuration, search: Search) -> TuneRow:
        label = configuration.label
        record = self.state.candidates.get(label, CandidateRecord())
        file = self.state.model_files.get(self.model_files.name_of(configuration.file), FileRecord())
        error, times = search.error_of(label), search.times_of(label)
        status: Status = "measured" if error is not None and times else "not tried"
        reason = TIME_LIMIT_REASON
        if status == "measured":
            reason = search.dropped.get(label, "" if search.is_complete(label) else TIME_LIMIT_REASON)
        if label in search.failed:
            status, reason = "failed", search.failed[label]
        return TuneRow(
            configuration=configuration,
            status=status,
            reason=reason,
            error=error,
            cost=measure_cost(times, search.baseline_times),
            file_bytes=file.size or None,
            runtime_info=record.runtime_info,
            footprint=record.footprint,
            export_command=self.model_files.export_command(configuration.file, self.args, self.folder),
        )

    def _run_options(self, winner: Winner) -> tuple[str, ...]:
        """Return the options for the device, runtime and threads of the winner."""
        configuration = winner.row.configuration
        options = run_options(configuration, winner.artifact, self.options.device)
        is_default = configuration.runtime == target_named(winner.artifact.target).runtimes[0]
        flags = {
            "device": None if options.device == "cpu" else options.device,
            "runtime": None if is_default else configuration.runtime,
            "threads": options.threads,
        }
        return tuple(
            word for flag, value in flags.items() if value is not None for word in (f"--{flag}", str(value))
        )

    def _write(self, report: TuningReport, winner: Winner | None) -> None:
        """Replace the files of an earlier result by these."""
        content = report.to_json()
        plot = msgspec.json.decode(content, type=TuneDocument).plot
        documents = {JSON_NAME: content, PLOT_NAME: plot}
        if report.parity is not None:
            documents[PARITY_NAME] = report.parity.to_json()
        copied = list_files(winner.artifact) if winner is not None else []
        earlier = list_unchanged(self.folder, self.state.outputs)
        with files.staged(self.folder, lambda: earlier) as stage:
            for name, text in documents.items():
                (stage / name).write_text(text, encoding="utf-8")
            for path in copied:
                shutil.copy(path, stage / path.name)
            self.state.outputs = hash_outputs(stage)
            (stage / STATE_NAME).write_bytes(self.state.encode())
