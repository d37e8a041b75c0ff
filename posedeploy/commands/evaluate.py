"""``posedeploy evaluate``: COCO's keypoint AP and AR on annotated images."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from posedeploy.api.evaluation_report import AVERAGES, EvaluationReport
from posedeploy.benchmarks.evaluation import Evaluation, SliceName
from posedeploy.console.output import out, show, write_json
from posedeploy.console.tables import create_table, format_runtime
from posedeploy.printable import counted

PEOPLE: dict[SliceName, str] = {"all": "all", "large": "at least 1/3 of the image high"}


def show_evaluation(report: EvaluationReport, json: Path | None) -> None:
    """Show the table and write the JSON."""
    _show(report.evaluation)
    if json is not None:
        write_json(json, report.to_json())


def evaluation_table(result: Evaluation) -> Table:
    """Return the table of the averages, for all people and for large ones."""
    table = create_table(None, ["people"], ["number", "AP", "AP50", "AP75", "AR", "AR50", "AR75"])
    for part in result.slices:
        averages = (getattr(part, name) for name in AVERAGES)
        cells = ("" if value is None else f"{value:.3f}" for value in averages)
        table.add_row(PEOPLE[part.name], str(part.people), *cells)
    return table


def _show(result: Evaluation) -> None:
    out.print(result.label, style="bold", markup=False, soft_wrap=True)
    out.print(escape(format_runtime(result.runtime_info)), style="dim", soft_wrap=True)
    show(evaluation_table(result))
    people, images = counted(len(result.detections), "person", "people"), counted(result.images, "image")
    line = f"{people} detected in {images}; {len(result.keypoints)} keypoints scored"
    if result.unscored_keypoints:
        names = ", ".join(result.unscored_keypoints)
        line += f"; not scored, because the model or the annotations lack them: {names}"
    out.print(line, markup=False)
