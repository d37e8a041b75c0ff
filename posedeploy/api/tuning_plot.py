"""The plot of a search: the error of each candidate against its cost."""

from __future__ import annotations

import math

from posedeploy.api.tuning_report import TuneRow, TuningReport
from posedeploy.tuning.configurations import Objective
from posedeploy.tuning.plot import PlotPoint, draw_plot

AXES: dict[Objective, str] = {
    "latency": "milliseconds per image (lower is better)",
    "throughput": "images per second (higher is better)",
    "size": "size of the files in MB (lower is better)",
}


def draw_report(report: TuningReport) -> str:
    """Return the plot as an SVG document."""
    front = report.front
    points = [
        PlotPoint(
            row.label,
            plotted_cost(row, report.objective),
            100 * row.error.value,
            row.label in front,
            report.winner is not None and row.label == report.winner.label,
        )
        for row in report.measured
        if row.error is not None and math.isfinite(row.error.value)
    ]
    name = report.settings["checkpoint"].partition(" (")[0]
    return draw_plot(points, f"{name} on {report.device}", AXES[report.objective], str(report.budget))


def plotted_cost(row: TuneRow, objective: Objective) -> float:
    """Return the cost of a measured candidate in the unit of ``AXES``."""
    if objective == "size":
        return (row.file_bytes or 0) / 1e6
    assert row.cost is not None, "the candidate was timed"
    return 1e3 * row.cost.seconds if objective == "latency" else 1 / row.cost.seconds
