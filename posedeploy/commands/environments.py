"""``posedeploy env``: create, list and remove the isolated environments that some converters need."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from rich.markup import escape

from posedeploy.console.output import inform, out, show, show_spinner, write_json
from posedeploy.console.parsing import choose
from posedeploy.console.tables import create_table, format_size
from posedeploy.environments import locations
from posedeploy.environments import remove as removal
from posedeploy.environments.add import Installer, add
from posedeploy.environments.environment_specs import ENVIRONMENTS, environment_named
from posedeploy.environments.state import Environment, inspect_environment, repair_hint

COLORS = {"installed": "green", "missing": "yellow", "broken": "red"}
INSTALLERS: dict[str, Installer] = {name: name for name in get_args(Installer)}


def run_add(name: str, python: Path | None, installer: str | None) -> None:
    """Create an isolated environment."""
    spec = environment_named(name)
    installer_name = None if installer is None else choose("--installer", installer, INSTALLERS)
    with show_spinner(f"creating the environment {name}"):
        environment, is_new = add(spec, python, installer_name, inform)
    verb = "created" if is_new else "is already installed"
    out.print(f"{environment.folder} {verb}: {summarize(environment)}", markup=False, soft_wrap=True)


def run_list(json: Path | None) -> None:
    """Show all isolated environments and their folder."""
    environments = [inspect_environment(spec) for spec in ENVIRONMENTS.values()]
    table = create_table("Isolated environments", ["name", "state", ""], ["size"])
    for environment in environments:
        state = f"[{COLORS[environment.state]}]{environment.state}[/]"
        disk_size = format_size(environment.size_bytes) if environment.state != "missing" else ""
        table.add_row(environment.spec.name, state, escape(summarize(environment)), disk_size)
    show(table)
    inform(f"folder: {locations.home()}; set {locations.VARIABLE} to use another")
    if json is not None:
        rows = [_to_json(environment) for environment in environments]
        write_json(json, {"format": "posedeploy.environments", "version": 1, "environments": rows})


def run_remove(name: str) -> None:
    """Remove an isolated environment."""
    with show_spinner(f"removing {name}"):
        folder = removal.remove(environment_named(name))
    out.print(f"{folder} removed", markup=False, soft_wrap=True)


def summarize(environment: Environment) -> str:
    """Return an environment's versions, or its fault and how to fix it."""
    if environment.state == "missing":
        return repair_hint(environment)
    if environment.state == "broken":
        return f"{environment.fault}; {repair_hint(environment)}"
    versions = [f"{name} {version}" for name, version in environment.shown.items()]
    return ", ".join([*versions, f"Python {environment.python}"])


def _to_json(environment: Environment) -> dict[str, object]:
    return {
        "name": environment.spec.name,
        "state": environment.state,
        "fault": environment.fault,
        "folder": str(environment.folder),
        "home": str(locations.home()),
        "python": environment.python,
        "packages": dict(environment.packages),
        "size_bytes": environment.size_bytes,
    }
