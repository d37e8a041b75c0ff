"""The result of a search, and its JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from posedeploy.api.parity_report import ParityReport, describe_pairs
from posedeploy.api.tuning_options import LeftOut
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.footprint import Footprint
from posedeploy.benchmarks.intervals import CONFIDENCE
from posedeploy.benchmarks.machine_info import Machine
from posedeploy.pareto import find_front
from posedeploy.text_files import format_json
from posedeploy.tuning.configurations import Configuration, Objective
from posedeploy.tuning.costs import TimeCost
from posedeploy.tuning.error_share import ErrorShare
from posedeploy.tuning.standings import rank
from posedeploy.types import RuntimeInfo

FORMAT, VERSION = "posedeploy.tune", 1
Status: TypeAlias = Literal["measured", "failed", "not tried"]


@dataclass(frozen=True, kw_only=True)
class TuneRow:
    """One candidate of a search.

    status: ``failed`` if it cannot be exported or run. reason: why it failed, was not tried, or was not
    measured to the end; empty otherwise. error, cost: None if they were not measured. export_command: exports
    its file.
    """

    configuration: Configuration
    status: Status
    reason: str = ""
    error: ErrorShare | None = None
    cost: TimeCost | None = None
    file_bytes: int | None = None
    runtime_info: RuntimeInfo | None = None
    footprint: Footprint | None = None
    export_command: str = ""

    @property
    def label(self) -> str:
        """The label of the configuration."""
        return self.configuration.label

    def cost_by(self, objective: Objective) -> float | None:
        """Return what the objective minimizes: seconds per image, or bytes; None if it was not measured."""
        if objective == "size":
            return self.file_bytes
        return self.cost.seconds if self.cost is not None else None

    def shown_cost(self, objective: Objective) -> float:
        """Return the cost of a measured candidate in ms per image, images per second, or MB."""
        if objective == "size":
            return (self.file_bytes or 0) / 1e6
        assert self.cost is not None, "the candidate was timed"
        return 1e3 * self.cost.seconds if objective == "latency" else 1 / self.cost.seconds


@dataclass(frozen=True, kw_only=True)
class TuningReport:
    """The result of a search.

    rows: all candidates. left_out: the targets that were not searched. inputs: the number of inputs for
    errors. baseline_s: the median time of PyTorch for one image. parity: the parity of the winner, with the
    budget; failed_parity: why candidates that are within the budget in the search did not pass it, by label.
    not_compared: the next best one, which the time limit left no time to compare; None if there is none.
    no_winner_reason: why there is no winner, and what to do; empty with a winner.
    has_progressed: whether this call added anything to the finished steps, so that another one helps.
    run_options: the options that run the winner on the command line. blocks: the raw seconds per image, by
    label, PyTorch included, in blocks of rounds of all their candidates.
    """

    rows: tuple[TuneRow, ...]
    budget: Budget
    objective: Objective
    device: str
    settings: Mapping[str, str]
    machine: Machine
    inputs: int
    baseline_s: float | None
    left_out: tuple[LeftOut, ...] = ()
    winner: TuneRow | None = None
    winner_path: str | None = None
    run_options: tuple[str, ...] = ()
    parity: ParityReport | None = None
    failed_parity: Mapping[str, str] = field(default_factory=dict)
    not_compared: str | None = None
    no_winner_reason: str = ""
    has_progressed: bool = True
    blocks: Sequence[Mapping[str, Sequence[float]]] = field(default=(), repr=False)

    @property
    def measured(self) -> list[TuneRow]:
        """The candidates whose error and cost were measured, the cheapest first."""
        rows = [row for row in self.rows if row.label in self._points]
        return sorted(rows, key=lambda row: self._points[row.label][1])

    @property
    def front(self) -> list[str]:
        """The labels of the candidates that no other one beats in error and cost, by cost; without those that
        failed the parity with the budget."""
        return find_front(
            {label: point for label, point in self._points.items() if label not in self.failed_parity}
        )

    @property
    def most_accurate(self) -> TuneRow | None:
        """The candidate with the smallest error, of those that can run; None if no error was measured."""
        compared = [row for row in self.rows if row.error is not None and row.status != "failed"]
        return min(compared, key=self._by_error, default=None)

    def _by_error(self, row: TuneRow) -> tuple[float, float]:
        cost = row.cost_by(self.objective)
        return (
            row.error.value if row.error is not None else math.inf,
            cost if cost is not None else math.inf,
        )

    @property
    def _points(self) -> dict[str, tuple[float, float]]:
        return points_of(self.rows, self.objective)

    def with_status(self, status: Status) -> list[TuneRow]:
        """Return the candidates with a status."""
        return [row for row in self.rows if row.status == status]

    def to_json(self) -> str:
        """Return the versioned document; docs/json.md lists its fields."""
        front = self.front
        return format_json(
            {
                "format": FORMAT,
                "version": VERSION,
                "machine": asdict(self.machine),
                "settings": dict(self.settings),
                "budget": asdict(self.budget),
                "objective": self.objective,
                "device": self.device,
                "inputs": self.inputs,
                "confidence": CONFIDENCE,
                "baseline_ms": None if self.baseline_s is None else 1e3 * self.baseline_s,
                "winner": self.winner
                and {
                    "label": self.winner.label,
                    "path": self.winner_path,
                    "export_command": self.winner.export_command,
                    "run_options": self.run_options,
                },
                "front": front,
                "results": [_row(row, self.objective, row.label in front) for row in self.rows],
                "left_out": [asdict(each) for each in self.left_out],
                "failed_parity": dict(self.failed_parity),
                "not_compared": self.not_compared,
                "no_winner_reason": self.no_winner_reason,
                "blocks": [dict(block) for block in self.blocks],
            }
        )


def points_of(rows: Sequence[TuneRow], objective: Objective) -> dict[str, tuple[float, float]]:
    """Return the error and the cost of each measured candidate, by label."""
    return {
        row.label: (row.error.value, cost)
        for row in rows
        if row.status == "measured" and row.error is not None and (cost := row.cost_by(objective)) is not None
    }


def rank_rows(rows: Sequence[TuneRow], objective: Objective) -> list[TuneRow]:
    """Return the candidates within the budget, the cheapest first."""
    by_label = {row.label: row for row in rows}
    return [by_label[label] for label in rank(points_of(rows, objective))]


def _row(row: TuneRow, objective: Objective, is_on_front: bool) -> dict[str, Any]:
    configuration, file, cost = row.configuration, row.configuration.file, row.cost
    interval = cost.seconds_interval if cost is not None else None
    return {
        "label": row.label,
        "target": file.target,
        "runtime": configuration.runtime,
        "precision": file.precision,
        "input_size": file.input_size,
        "batch": file.batch,
        "threads": configuration.threads,
        "hint": configuration.hint,
        "status": row.status,
        "reason": row.reason,
        "within_budget": row.error.is_within if row.error is not None else None,
        "on_front": is_on_front,
        "error": row.error and _error(row.error),
        "ms_per_image": 1e3 * cost.seconds if cost is not None else None,
        "ms_per_image_interval": [1e3 * end for end in interval] if interval is not None else None,
        "images_per_s": 1 / cost.seconds if cost is not None else None,
        "speedup": cost.speedup if cost is not None else None,
        "speedup_interval": cost.interval if cost is not None else None,
        "rounds": cost.rounds if cost is not None else 0,
        "file_bytes": row.file_bytes,
        "footprint": row.footprint and asdict(row.footprint),
        "runtime_info": row.runtime_info and asdict(row.runtime_info),
        "export_command": row.export_command,
    }


def _error(error: ErrorShare) -> dict[str, Any]:
    return {
        "budget_share": error.value,
        "budget_share_interval": [error.low, error.high],
        "inputs": len(error.images),
        **describe_pairs(error.poses),
    }
