"""The search: export, load and measure candidates in rungs, and drop those that cannot win."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack

from posedeploy.api.reporting import report_steps
from posedeploy.api.tuning_candidates import ActiveCandidate, OpenCandidate, short_reason
from posedeploy.api.tuning_context import SearchContext
from posedeploy.api.tuning_rungs import (
    BLOCK,
    MIN_INPUTS,
    RUNGS,
    RUNGS_WITH_NEIGHBORS,
    SCENARIOS,
    SEARCH_UNTIL,
    WARM_UP,
    Rung,
)
from posedeploy.benchmarks import timing
from posedeploy.errors import MeasurementError, PoseDeployError
from posedeploy.printable import counted
from posedeploy.tuning.configurations import Configuration, SearchSpace
from posedeploy.tuning.error_share import ErrorShare, measure_share
from posedeploy.tuning.failures import is_temporary
from posedeploy.tuning.standings import OVER_BUDGET, Standing, Times, find_dropped, is_over_budget
from posedeploy.tuning.state import BASELINE, to_pairs

TIME_LIMIT_REASON = "the time limit was reached"
"""The reason for a candidate that was not tried."""


class Search:
    """A search over a space, which repeats no step that the state has.

    After ``run``, ``failed``, ``dropped`` and ``not_tried`` hold the reasons, by label. ``opened`` closes the
    candidates. inputs: the number of inputs for errors.
    """

    def __init__(self, space: SearchSpace, context: SearchContext, opened: ExitStack) -> None:
        self._space, self._context, self._opened = space, context, opened
        self._state, self._deadline = context.state, context.deadline
        self.configurations: dict[str, Configuration] = {}
        self.failed: dict[str, str] = {}
        self.dropped: dict[str, str] = {}
        self.not_tried: dict[str, str] = {}
        self.inputs = len(context.errors.order)
        self._steps_before = self._count_steps()

    @property
    def has_progressed(self) -> bool:
        """Whether the state has more finished steps than before the search."""
        return self._count_steps() > self._steps_before

    def _count_steps(self) -> int:
        candidates = self._state.candidates.values()
        tried = sum(bool(record.footprint or record.reason) + len(record.pairs) for record in candidates)
        return len(self._state.model_files) + len(self._state.blocks) + len(self._state.failed_parity) + tried

    def run(self) -> None:
        """Climb the rungs; if candidates were left out to save time, and some is left, climb again with more
        of them."""
        while True:
            exports = len(self._state.model_files)
            self._climb()
            is_stuck = len(self._state.model_files) == exports
            if is_stuck or self._is_over() or TIME_LIMIT_REASON not in self.not_tried.values():
                return

    def _climb(self) -> None:
        """Measure one rung after the other, as far as the time allows."""
        for reasons in (self.configurations, self.failed, self.dropped, self.not_tried):
            reasons.clear()
        start = self._deadline.elapsed_share
        entries: list[ActiveCandidate] = []
        pending = self._space.first_configurations()
        for number, rung in enumerate(RUNGS):
            entries += self._admit(pending, rung, start + rung.export_until * (SEARCH_UNTIL - start))
            entries = self._drop(entries)  # by the times of an earlier climb or an interrupted search
            self._measure(entries, rung)
            entries = self._drop(entries)
            pending = self._neighbors(entries) if number < RUNGS_WITH_NEIGHBORS else []
        for entry in entries:
            if entry.opened is not None:
                entry.opened.close()

    def _neighbors(self, entries: Sequence[ActiveCandidate]) -> list[Configuration]:
        """Return the neighbors of the remaining candidates that were not reached before."""
        neighbors = {
            neighbor.label: neighbor
            for entry in entries
            for neighbor in self._space.neighbors(entry.configuration)
            if neighbor.label not in self.configurations
        }
        return list(neighbors.values())

    def _admit(
        self, configurations: Iterable[Configuration], rung: Rung, export_until: float
    ) -> list[ActiveCandidate]:
        """Return the configurations that can be measured; those that the state lacks are opened."""
        entries = []
        inputs = self._count_inputs(rung)
        for configuration in configurations:
            self.configurations[configuration.label] = configuration
            entry = ActiveCandidate(configuration)
            if self._is_measured(entry, rung) or (
                self._open(entry, export_until) and self._measure_errors(entry, inputs)
            ):
                entries.append(entry)
        return entries

    def _open(self, entry: ActiveCandidate, export_until: float = 1.0) -> bool:
        """Open a candidate. Return whether it can run and the time allows it."""
        if entry.opened is not None:
            return True
        has_failed = self._context.opener.has_failed(entry.configuration)
        if not has_failed and (self._is_over() or self._is_too_late_to_export(entry, export_until)):
            self.not_tried[entry.label] = TIME_LIMIT_REASON
            return False
        try:
            entry.opened = self._context.opener.open(entry.configuration)
        except PoseDeployError as error:
            reasons = self.not_tried if self._deadline.has_passed() else self.failed
            reasons[entry.label] = (
                TIME_LIMIT_REASON if self._deadline.has_passed() else short_reason(error, entry.label)
            )
            return False
        self._opened.callback(entry.opened.close)
        return True

    def _is_too_late_to_export(self, entry: ActiveCandidate, share: float) -> bool:
        """Return whether a candidate needs an export that would take too long, if it takes as long as the
        longest one before."""
        files = self._context.files
        return not files.is_finished(entry.configuration.file) and self._deadline.has_passed(
            share, ahead_s=files.longest_export_s
        )

    def _is_measured(self, entry: ActiveCandidate, rung: Rung) -> bool:
        record = self._state.candidates.get(entry.label)
        if record is None or record.reason:
            return False
        if self.times_of(entry.label) and is_over_budget(self.error_of(entry.label)):
            return True
        has_errors = len(record.pairs) >= self._count_inputs(rung)
        return has_errors and self._rounds_of(entry) >= rung.rounds

    def is_complete(self, label: str) -> bool:
        """Return whether everything that is measured of a candidate was measured."""
        return self._is_measured(ActiveCandidate(self.configurations[label]), RUNGS[-1])

    def _measure(self, entries: list[ActiveCandidate], rung: Rung) -> None:
        """Measure errors and times up to a rung, and remove the candidates that cannot run."""
        if all(self._is_measured(entry, rung) for entry in entries):
            return
        inputs = self._count_inputs(rung)
        entries[:] = [entry for entry in entries if self._open(entry) and self._measure_errors(entry, inputs)]
        while entries and not (self._is_over() and self._state.blocks):  # one block in any case
            if min(map(self._rounds_of, entries)) >= rung.rounds:
                return
            self._measure_block([entry.opened for entry in entries if entry.opened is not None], rung)
            entries[:] = [entry for entry in entries if entry.label not in self.failed]

    def complete_errors(self, label: str) -> bool:
        """Measure the errors of a candidate on all inputs. Return whether anything changed: there are more
        errors, or it failed."""
        if label in self.failed or len(self._state.candidates[label].pairs) >= self.inputs or self._is_over():
            return False
        entry = ActiveCandidate(self.configurations[label])
        return (self._open(entry) and self._measure_errors(entry, self.inputs)) or label in self.failed

    def _measure_errors(self, entry: ActiveCandidate, inputs: int) -> bool:
        """Measure the errors of a candidate. Return whether it can run."""
        assert entry.opened is not None, "it was opened before"
        record = self._state.candidates[entry.label]
        self._context.on_progress(f"measuring the errors of {entry.label}", None)
        known = len(record.pairs)
        error = self._context.errors.measure(entry.opened, record, inputs, self._is_over)
        if error is not None:
            self._fail(entry.label, error)
        if len(record.pairs) > known:
            self._context.save()
        return entry.label not in self.failed

    def _fail(self, label: str, error: PoseDeployError) -> None:
        self.failed[label] = short_reason(error, label)
        if not is_temporary(error):
            self._state.candidates[label].reason = self.failed[label]
            self._context.save()

    def _measure_block(self, candidates: Sequence[OpenCandidate], rung: Rung) -> None:
        """Time the candidates in the same rounds. If one cannot run, it becomes a failed one instead, and
        these rounds do not count."""
        running = {candidate.label: candidate for candidate in candidates}
        raised: list[str] = []
        try:
            block = self._time_block(candidates, rung, raised.append)
        except MeasurementError:  # of the clock
            raise
        except PoseDeployError as error:
            if not raised or raised[0] not in running:
                raise
            self._fail(raised[0], error)
            running[raised[0]].close()
            return
        self._state.blocks.append(block)
        self._context.save()

    def _time_block(
        self, candidates: Sequence[OpenCandidate], rung: Rung, on_error: Callable[[str], None]
    ) -> dict[str, list[float]]:
        scenario = SCENARIOS[self._context.objective]
        rounds = min(sum(map(len, self.times_of(candidate.label).values())) for candidate in candidates)
        results = timing.measure(
            [self._context.baseline, *(candidate.timed for candidate in candidates)],
            runs=BLOCK if scenario == "single-stream" else BLOCK * timing.MIN_IN_FLIGHT,
            warm_up=WARM_UP,
            scenario=scenario,
            seed=timing.SEED + len(self._state.blocks),
            on_error=on_error,
            on_progress=report_steps(
                self._context.on_progress,
                f"timing {counted(len(candidates), 'candidate')}, round {rounds + 1} of {rung.rounds}",
            ),
        )
        return {each.label: [time / each.batch for time in each.times_s] for each in results}

    def _drop(self, entries: Sequence[ActiveCandidate]) -> list[ActiveCandidate]:
        """Return the candidates that are measured further: those that were not timed, and those that can
        still win. Close the others, and delete the files of those that are over budget."""
        reasons = find_dropped([self._standing_of(entry) for entry in entries])
        dropped = {label: reason for label, reason in reasons.items() if self.times_of(label)}
        self.dropped |= dropped
        remaining = [entry for entry in entries if entry.label not in dropped]
        used = {entry.configuration.file for entry in entries if dropped.get(entry.label) != OVER_BUDGET}
        for entry in entries:
            if entry.label in dropped and entry.opened is not None:
                entry.opened.close()
            if entry.configuration.file not in used:
                self._context.files.remove(entry.configuration.file)
        return remaining

    def _standing_of(self, entry: ActiveCandidate) -> Standing:
        name = self._context.files.name_of(entry.configuration.file)
        size = self._state.model_files[name].size if self._context.objective == "size" else None
        return Standing(entry.label, self.error_of(entry.label), self.times_of(entry.label), size)

    def error_of(self, label: str) -> ErrorShare | None:
        """Return the error of a candidate; None if nothing was compared."""
        record = self._state.candidates.get(label)
        pairs = [to_pairs(each) for each in record.pairs.values()] if record is not None else []
        return measure_share(self._context.budget, pairs)

    def times_of(self, label: str) -> Times:
        """Return the times of a candidate."""
        return {number: block[label] for number, block in enumerate(self._state.blocks) if label in block}

    @property
    def baseline_times(self) -> Times:
        """The times of PyTorch."""
        return self.times_of(BASELINE)

    def _rounds_of(self, entry: ActiveCandidate) -> int:
        return sum(map(len, self.times_of(entry.label).values()))

    def _count_inputs(self, rung: Rung) -> int:
        return min(self.inputs, max(MIN_INPUTS, round(rung.inputs * self.inputs)))

    def _is_over(self) -> bool:
        return self._deadline.has_passed(SEARCH_UNTIL)
