"""``posedeploy families``: the supported networks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from posedeploy.console.output import out, write_json
from posedeploy.families import FAMILIES, Family


def run(json: Path | None) -> None:
    """Show the families, one block each, which fit 80 columns."""
    for family in FAMILIES.values():
        out.print(family.name, style="bold")
        out.print(_facts(family))
        out.print(f"{family.weights_page}\n", style="dim", soft_wrap=True)
    if json is not None:
        write_json(
            json,
            {
                "format": "posedeploy.families",
                "version": 1,
                "families": [asdict(row) for row in FAMILIES.values()],
            },
        )


def _facts(family: Family) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    fetch = f"posedeploy fetch {family.name}" if family.weights_url else "no direct link; see the page below"
    for name, value in {
        "output": family.task,
        "joints": family.joints,
        "input": family.input,
        "parameters": family.parameters,
        "GFLOP": family.gflop,
        "license": f"code {family.code_license}, weights {family.weights_license}",
        "weights": fetch,
    }.items():
        table.add_row(name, value)
    return table
