"""``posedeploy tune``: the result of a search."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table

from posedeploy.api.no_winner import describe_error, describe_retry, describe_share, describe_unmatched
from posedeploy.api.tuning_outputs import JSON_NAME, PARITY_NAME, PLOT_NAME
from posedeploy.api.tuning_report import TuneRow, TuningReport
from posedeploy.console.output import fail, inform, out, show
from posedeploy.console.tables import create_table, format_interval, format_size, two_lines
from posedeploy.printable import printable
from posedeploy.tuning.configurations import Objective

UNITS: dict[Objective, str] = {"latency": "ms per image", "throughput": "images/s", "size": "MB"}
COSTS: dict[Objective, str] = {"latency": "ms", "throughput": "images/s", "size": "ms"}


def show_tuning(report: TuningReport, folder: Path) -> None:
    """Show the table of the candidates, what failed, and the winner or why there is none."""
    if report.measured:
        show(tuning_table(report))
    for line in (*problem_lines(report), str(report.machine)):
        out.print(line, markup=False, soft_wrap=True, style="dim")
    for line in winner_lines(report):
        out.print(line, markup=False, soft_wrap=True)
    names = [JSON_NAME, PLOT_NAME, *([PARITY_NAME] if report.parity is not None else [])]
    inform("wrote " + ", ".join(str(folder / name) for name in names))
    if report.winner is None:
        fail(report.no_winner_reason)


def tuning_table(report: TuningReport) -> Table:
    """Return the table of the measured candidates, the best by the objective first. Below the values are
    their 95% confidence intervals."""
    front = set(report.front)
    table = create_table(
        f"Candidates for {report.objective}, budget {report.budget}",
        ["candidate", "result"],
        ["error\n[dim]unmatched[/]", "of budget", COSTS[report.objective], "speedup", "size"],
    )
    for row in report.measured:
        error, cost = row.error, row.cost
        assert error is not None, "the candidate was measured"
        name, _, details = row.label.partition(", ")
        table.add_row(
            two_lines(name, details),
            _result(row, report, front),
            two_lines(describe_error(error.poses, report.budget), describe_unmatched(error.poses)),
            two_lines(describe_share(error.value), _percents(error.low, error.high)),
            two_lines(*_cost(row, report.objective)),
            two_lines(f"{cost.speedup:.2f}x", format_interval(cost.interval)) if cost is not None else "",
            format_size(row.file_bytes),
        )
    return table


def _result(row: TuneRow, report: TuningReport, front: set[str]) -> str:
    if report.winner is not None and row.label == report.winner.label:
        return "winner"
    if row.label in report.failed_parity:
        return "failed parity"
    if row.error is None or not row.error.is_within:
        return "over budget"
    return "front" if row.label in front else ""


def _percents(low: float, high: float) -> str:
    if math.isinf(high):
        return "unknown"
    return "-".join(f"{100 * end:.3g}" if end < 10 else f"{min(100 * end, 9999):.0f}" for end in (low, high))


def _cost(row: TuneRow, objective: Objective) -> tuple[str, str]:
    cost = row.cost
    if cost is None:
        return "", ""
    if objective != "throughput":
        ends = cost.seconds_interval
        return f"{1e3 * cost.seconds:.2f}", format_interval(ends and (1e3 * ends[0], 1e3 * ends[1]))
    ends = cost.seconds_interval
    return f"{1 / cost.seconds:.1f}", format_interval(ends and (1 / ends[1], 1 / ends[0]))


def problem_lines(report: TuningReport) -> Iterator[str]:
    """Yield what failed, did not pass parity, was not tried and was left out, one line for each reason."""
    failed = [(row.label, row.reason) for row in report.with_status("failed")]
    yield from _grouped("failed", failed)
    yield from _grouped("failed parity", list(report.failed_parity.items()))
    not_tried = [(row.label, row.reason) for row in report.with_status("not tried")]
    yield from _grouped("not tried", not_tried)
    yield from _grouped("left out", [(each.name, each.reason) for each in report.left_out])


def _grouped(what: str, reasons: Sequence[tuple[str, str]]) -> Iterator[str]:
    for reason in dict.fromkeys(reason for _, reason in reasons):
        labels = "; ".join(label for label, other in reasons if other == reason)
        yield printable(f"{what}: {labels}: {reason}")


def winner_lines(report: TuningReport) -> Iterator[str]:
    """Yield the winner, and the commands that export it and run it."""
    winner = report.winner
    if winner is None or winner.error is None:
        return
    unit = UNITS[report.objective]
    poses = winner.error.poses
    speed = f", {winner.cost.speedup:.2f}x PyTorch" if winner.cost is not None else ""
    yield (
        f"winner: {winner.label}: {winner.shown_cost(report.objective):.4g} {unit}{speed}; error "
        f"{describe_error(poses, report.budget)}, {describe_unmatched(poses)} unmatched keypoints: "
        f"{describe_share(winner.error.value)} of the budget"
    )
    yield printable(f"file: {report.winner_path}, within budget, compared with PyTorch ({PARITY_NAME})")
    yield printable(f"export it again with: {winner.export_command}")
    command = ["posedeploy", "predict", str(report.winner_path), "SOURCE", *report.run_options]
    yield printable(f"run it with: {shlex.join(command)}")
    if report.with_status("not tried"):
        yield f"{describe_retry(report)} to try the remaining candidates"
