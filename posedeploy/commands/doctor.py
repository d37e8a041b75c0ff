"""``posedeploy doctor``: every target, runtime and what else there is, tried and shown."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from posedeploy.commands.doctor_packages import versions
from posedeploy.commands.doctor_run import CHECKS, run_checks
from posedeploy.console.output import out, show, working, write_json
from posedeploy.console.tables import table


def run(json: Path | None) -> bool:
    """Show what works here; whether everything that is installed does."""
    with working("trying every target and runtime"), tempfile.TemporaryDirectory() as folder:
        findings = run_checks(CHECKS, Path(folder))
    found = table("What works here", ["", "name", "state", ""])
    colors = {"works": "green", "untried": "yellow", "missing": "yellow", "broken": "red"}
    for finding in findings:
        state = f"[{colors[finding.state]}]{finding.state}[/]"
        found.add_row(finding.kind, finding.name, state, escape(finding.detail))
    installed = versions()
    show(found)
    out.print(", ".join(f"{name} {number}" for name, number in installed.items()), style="dim")
    if json is not None:
        document = {"format": "posedeploy.doctor", "version": 1, "packages": installed}
        write_json(json, document | {"findings": [asdict(finding) for finding in findings]})
    return all(finding.state != "broken" for finding in findings)
