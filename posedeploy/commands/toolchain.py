"""``posedeploy toolchain``: the environments that some converters need, made, listed and removed."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from rich.markup import escape

from posedeploy.console.options import chosen
from posedeploy.console.output import out, say, show, working, write_json
from posedeploy.console.tables import size, table
from posedeploy.environments import locations
from posedeploy.environments import remove as removing
from posedeploy.environments.add import Installer, add
from posedeploy.environments.state import Environment, advice, look
from posedeploy.environments.table import TOOLCHAINS, toolchain_named

COLOURS = {"whole": "green", "missing": "yellow", "broken": "red"}
INSTALLERS: dict[str, Installer] = {name: name for name in get_args(Installer)}


def run_add(name: str, python: Path | None, installer: str | None) -> None:
    """Make the environment of a toolchain."""
    toolchain = toolchain_named(name)
    with_it = None if installer is None else chosen("--installer", installer, INSTALLERS)
    with working(f"making the environment of {name}"):
        made, fresh = add(toolchain, python, with_it, say)
    out.print(
        f"{made.folder} {'made' if fresh else 'is there already'}: {said_of(made)}",
        markup=False,
        soft_wrap=True,
    )


def run_list(json: Path | None) -> None:
    """Show every toolchain, and where they are."""
    found = [look(toolchain) for toolchain in TOOLCHAINS.values()]
    shown = table("Toolchains", ["name", "state", ""], ["size"])
    for environment in found:
        state = f"[{COLOURS[environment.state]}]{environment.state}[/]"
        taken = size(environment.size_bytes) if environment.state != "missing" else ""
        shown.add_row(environment.toolchain.name, state, escape(said_of(environment)), taken)
    show(shown)
    say(f"in {locations.home()}; {locations.VARIABLE} names another folder")
    if json is not None:
        write_json(
            json, {"format": "posedeploy.environments", "version": 1, "toolchains": [_data(e) for e in found]}
        )


def run_remove(name: str) -> None:
    """Remove the environment of a toolchain."""
    with working(f"removing {name}"):
        folder = removing.remove(toolchain_named(name))
    out.print(f"{folder} removed", markup=False, soft_wrap=True)


def said_of(environment: Environment) -> str:
    """What a user wants to know of a toolchain, in a few words."""
    if environment.state == "missing":
        return advice(environment)
    if environment.state == "broken":
        return f"{environment.fault}; {advice(environment)}"
    versions = [f"{name} {version}" for name, version in environment.shown.items()]
    return ", ".join([*versions, f"Python {environment.python}"])


def _data(environment: Environment) -> dict[str, object]:
    return {
        "name": environment.toolchain.name,
        "state": environment.state,
        "fault": environment.fault,
        "folder": str(environment.folder),
        "home": str(locations.home()),
        "python": environment.python,
        "packages": dict(environment.packages),
        "size_bytes": environment.size_bytes,
    }
