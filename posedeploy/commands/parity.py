"""``posedeploy parity``: the comparison of artifacts with PyTorch."""

from __future__ import annotations

from pathlib import Path

from posedeploy.api.parity_report import ParityReport
from posedeploy.benchmarks.parity import Parity
from posedeploy.commands.parity_tables import (
    noise_lines,
    paired_line,
    paired_table,
    parity_heading,
    parity_table,
    poses_line,
    verdict_line,
)
from posedeploy.console.output import fail, out, write_json
from posedeploy.console.tables import integers_line


def show_parity(report: ParityReport, json: Path | None) -> None:
    """Show the tables and write the JSON."""
    for error in report.errors.values():
        fail(error)
    for result in report.results:
        _show(result)
    if json is not None:
        write_json(json, report.to_json())


def _show(result: Parity) -> None:
    out.print(parity_heading(result), soft_wrap=True)
    if line := integers_line(result):
        out.print(line, markup=False, soft_wrap=True)
    out.print(parity_table(result))
    out.print(poses_line(result), markup=False)
    if (pairs := paired_table(result)) is not None:
        out.print(pairs)
    for line in (*filter(None, [paired_line(result)]), *noise_lines(result)):
        out.print(line, markup=False)
    out.print(verdict_line(result), soft_wrap=True)
    out.print()
    for failure in result.failures:
        fail(f"{result.label}: {failure}")
