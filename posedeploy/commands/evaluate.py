"""``posedeploy evaluate``: COCO's keypoint AP and AR on annotated images."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from posedeploy.api.evaluation_report import AVERAGES, EvaluationReport
from posedeploy.benchmarks.evaluation import Evaluation, SliceName
from posedeploy.console.output import out, show, write_json
from posedeploy.console.tables import running, table
from posedeploy.printable import counted

PEOPLE: dict[SliceName, str] = {"all": "all", "large": "at least 1/3 of the image high"}


def show_evaluation(report: EvaluationReport, json: Path | None) -> None:
    """Show the table and write the JSON."""
    _show(report.evaluation)
    if json is not None:
        write_json(json, report.to_json())


def evaluation_table(result: Evaluation) -> Table:
    """The averages, for all people and for the large ones."""
    made = table(None, ["people"], ["number", "AP", "AP50", "AP75", "AR", "AR50", "AR75"])
    for part in result.slices:
        averages = (getattr(part, name) for name in AVERAGES)
        shown = ("" if value is None else f"{value:.3f}" for value in averages)
        made.add_row(PEOPLE[part.name], str(part.people), *shown)
    return made


def _show(result: Evaluation) -> None:
    out.print(result.label, style="bold", markup=False, soft_wrap=True)
    out.print(escape(running(result.runtime_info)), style="dim", soft_wrap=True)
    show(evaluation_table(result))
    found = counted(len(result.detections), "person", "people")
    line = f"{found} found in {counted(result.images, 'image')}; {len(result.keypoints)} keypoints scored"
    if result.left_out:
        line += f", not {', '.join(result.left_out)}, which the network or the annotations lack"
    out.print(line, markup=False)
