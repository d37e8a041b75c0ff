"""``posedeploy doctor``: tests of every target, runtime and other component."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from posedeploy.commands.doctor_packages import list_versions
from posedeploy.commands.doctor_run import CHECKS, run_checks
from posedeploy.console.output import out, show, show_spinner, write_json
from posedeploy.console.tables import create_table


def run(json: Path | None) -> bool:
    """Show the state of every component, and return whether all installed ones work."""
    with show_spinner("testing every target and runtime"), tempfile.TemporaryDirectory() as folder:
        checks = run_checks(CHECKS, Path(folder))
    table = create_table("Components", ["", "name", "state", ""])
    colors = {"works": "green", "untested": "yellow", "missing": "yellow", "broken": "red"}
    for check in checks:
        state = f"[{colors[check.state]}]{check.state}[/]"
        table.add_row(check.kind, check.name, state, escape(check.detail))
    installed = list_versions()
    show(table)
    out.print(", ".join(f"{name} {number}" for name, number in installed.items()), style="dim", markup=False)
    if json is not None:
        document = {"format": "posedeploy.doctor", "version": 1, "packages": installed}
        write_json(json, document | {"checks": [asdict(check) for check in checks]})
    return all(check.state != "broken" for check in checks)
