"""``bench --ray`` and ``parity --ray``: measurements on kinds of nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from posedeploy.console.output import fail, out, show, show_progress, write_json
from posedeploy.console.tables import create_table
from posedeploy.errors import InputError
from posedeploy.printable import printable
from posedeploy.scaling.measuring import Measurement, NodesReport, measure_on_nodes


def measure(
    measurement: Measurement,
    models: Sequence[Path],
    address: str,
    on: Sequence[str] | None,
    json: Path | None,
    **arguments: Any,
) -> bool:
    """Measure artifacts on nodes, show the table and write the JSON; return whether all rows passed."""
    with show_progress() as on_progress:
        report = measure_on_nodes(
            measurement, models, on or ["cpu"], address, on_progress=on_progress, **arguments
        )
    show_nodes(report, json)
    return report.passed


def check_output_files(certificate: Path | None, junit: Path | None, save_reference: Path | None) -> None:
    """Check that no file is requested that only a comparison on this machine writes.

    Raises:
        InputError: such a file is requested.
    """
    requested = {"certificate": certificate, "junit": junit, "save_reference": save_reference}
    for name, path in requested.items():
        if path is not None:
            raise InputError(
                f"`{name}={path}`: not available with `ray`, which writes one `json` for all nodes; leave "
                "out one of them"
            )


def show_nodes(report: NodesReport, json: Path | None) -> None:
    """Show a row for each artifact and kind of node, the machines and the errors; write the JSON."""
    columns = COLUMNS[report.measurement]
    table = create_table(None, ["model", "on", "node", *columns])
    for row in report.rows:
        cells = [describe(row.document) if row.document else "-" for describe in columns.values()]
        texts = (Path(row.model).name, row.label, row.host, *cells)
        table.add_row(*(escape(printable(text)) for text in texts))
    show(table)
    for host, machine in dict.fromkeys((row.host, row.machine) for row in report.rows if row.machine):
        out.print(f"{host}: {machine}", style="dim", markup=False, soft_wrap=True)
    for row in report.rows:
        if row.error:
            fail(f"{row.model} on {row.label}: {row.error}")
    if json is not None:
        write_json(json, report.to_json())


def _format_median(document: Mapping[str, Any]) -> str:
    return f"{document['results'][-1]['median_ms']:.2f}"


def _format_runtime(document: Mapping[str, Any]) -> str:
    info = document["results"][-1]["runtime_info"]
    return f"{info['runtime']} {info['version']}, {info['device']}, {info['precision']}"


def _format_verdict(document: Mapping[str, Any]) -> str:
    return "passed" if document["passed"] else "failed"


COLUMNS: dict[Measurement, dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "bench": {"median ms": _format_median, "runtime": _format_runtime},
    "parity": {"parity": _format_verdict},
}
"""The columns of each measurement. Each function returns the text of a cell from the document of its row."""
