"""The JSON of ``posedeploy tune``, as far as a report shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from posedeploy.api.bench_document import MIN_TIME_S
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.machine_info import Machine
from posedeploy.errors import InputError
from posedeploy.tuning.configurations import Objective
from posedeploy.tuning.plot import PlotPoint, draw_plot

AXES: dict[Objective, str] = {
    "latency": "milliseconds per image (lower is better)",
    "throughput": "images per second (higher is better)",
    "size": "size of the files in MB (lower is better)",
}


MIN_MS = 1e3 * MIN_TIME_S
MAX_VALUE = 1e30
"""The largest number that is not damaged."""
NOT_TRIED = "not tried"
"""The status of a candidate for which the time was too short."""


@dataclass(frozen=True, kw_only=True)
class TuneError:
    """The error of a candidate: its share of the budget; None is infinite."""

    budget_share: float | None = None


@dataclass(frozen=True, kw_only=True)
class TuneCandidate:
    """One candidate; None where something was not measured."""

    label: str
    status: str
    reason: str = ""
    within_budget: bool | None = None
    on_front: bool = False
    error: TuneError | None = None
    ms_per_image: float | None = None
    speedup: float | None = None
    speedup_interval: tuple[float, float] | None = None
    file_bytes: int | None = None

    def shown_cost(self, objective: Objective) -> float | None:
        """Return the cost in the unit of ``AXES``."""
        if objective == "size":
            return self.file_bytes / 1e6 if self.file_bytes else None
        if not self.ms_per_image:
            return None
        return self.ms_per_image if objective == "latency" else 1e3 / self.ms_per_image


@dataclass(frozen=True, kw_only=True)
class TuneWinner:
    """The winner. run_options: those of ``predict`` and ``bench``."""

    label: str
    path: str | None = None
    export_command: str = ""
    run_options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TuneDocument:
    """The content of the file, as in ``TuningReport``."""

    machine: Machine
    settings: dict[str, str]
    budget: Budget
    objective: Objective
    device: str
    inputs: int
    results: tuple[TuneCandidate, ...]
    baseline_ms: float | None = None
    winner: TuneWinner | None = None
    failed_parity: dict[str, str] = field(default_factory=dict)
    not_compared: str | None = None
    no_winner_reason: str = ""

    @property
    def title(self) -> str:
        """The checkpoint and the device."""
        checkpoint = self.settings["checkpoint"]
        return f"{checkpoint.rpartition(' (SHA-256 ')[0] or checkpoint} on {self.device}"

    @property
    def tried(self) -> list[TuneCandidate]:
        """The measured candidates, the cheapest first, and then those that failed."""
        rows = [row for row in self.results if row.status != NOT_TRIED]
        costs = {"latency": 1, "size": 1, "throughput": -1}

        def rank(row: TuneCandidate) -> tuple[bool, float]:
            cost = row.shown_cost(self.objective)
            return row.status != "measured" or cost is None, costs[self.objective] * (cost or 0.0)

        return sorted(rows, key=rank)

    def result_of(self, row: TuneCandidate) -> str:
        """Return what became of a candidate."""
        if self._is_winner(row):
            return "winner"
        if row.status != "measured":
            return row.status
        if row.label in self.failed_parity:
            return "failed parity"
        if row.label == self.not_compared:
            return "not compared"
        return "within budget" if row.within_budget else "over budget"

    def is_on_front(self, row: TuneCandidate) -> bool:
        """Return whether no other candidate is better in error and cost, and it did not fail parity."""
        return row.on_front and row.label not in self.failed_parity

    def _is_winner(self, row: TuneCandidate) -> bool:
        return self.winner is not None and row.label == self.winner.label

    @property
    def not_tried(self) -> dict[str, list[str]]:
        """The labels of the candidates that were not tried, by reason."""
        labels: dict[str, list[str]] = {}
        for row in self.results:
            if row.status == NOT_TRIED:
                labels.setdefault(row.reason, []).append(row.label)
        return labels

    @property
    def plot(self) -> str:
        """The error of each candidate against its cost, as an SVG document."""
        points = [
            PlotPoint(
                row.label,
                cost,
                100 * row.error.budget_share,
                self.is_on_front(row),
                self._is_winner(row),
                row.label in self.failed_parity,
            )
            for row in self.results
            if row.status == "measured" and row.error is not None and row.error.budget_share is not None
            if (cost := row.shown_cost(self.objective)) is not None
        ]
        return draw_plot(points, self.title, AXES[self.objective], str(self.budget))

    def checked(self, subject: str) -> TuneDocument:
        """Return the document.

        Args:
            subject: the file or the parameter, for messages.

        Raises:
            InputError: a value is missing or damaged.
        """
        if "checkpoint" not in self.settings:
            raise InputError(f"{subject}: the settings have no checkpoint; run `posedeploy tune` again")
        for row in self.results:
            share = row.error.budget_share if row.error is not None else None
            values = [*filter(None, (share, row.ms_per_image, row.speedup, row.file_bytes))]
            if not (all(0 < value <= MAX_VALUE for value in values) and _is_time(row.ms_per_image)):
                raise InputError(
                    f"{subject}: the values of {row.label} are damaged",
                    found=", ".join(f"{value:g}" for value in values),
                    expected=f"numbers from 0 to {MAX_VALUE:g}, and at least {MIN_MS:g} ms per image",
                )
        return self


def _is_time(milliseconds: float | None) -> bool:
    return not milliseconds or milliseconds >= MIN_MS
