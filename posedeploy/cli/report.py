"""``posedeploy report``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console.output import inform


def report(
    files: Annotated[
        list[Path],
        typer.Argument(help="JSON files of bench --json, parity --json and tune.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The HTML page to write.")
    ] = Path("report.html"),
) -> None:
    """Join the results of bench, parity and tune in one HTML page that needs no network.

    Example: posedeploy report bench.json parity.json -o report.html
    """
    from posedeploy.api.writing_report import report as write

    inform(f"wrote {write(files, output)}")
