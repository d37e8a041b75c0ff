"""``posedeploy env ...``: arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import common_options
from posedeploy.console.path_checks import CommandGroup

env = CommandGroup(
    name="env",
    no_args_is_help=True,
    help="Add, list and remove the isolated environments that some converters need.",
)

Name = Annotated[str, typer.Argument(help="A name that `posedeploy env list` shows.", show_default=False)]


@env.command()
def add(
    name: Name,
    python: Annotated[
        Path | None,
        typer.Option(metavar="PYTHON", help="The Python to create it with.", show_default="the running one"),
    ] = None,
    installer: Annotated[
        str | None,
        typer.Option(
            metavar="uv|pip", help="The installer.", show_default="uv if it is on the PATH, else pip"
        ),
    ] = None,
) -> None:
    """Download and install an isolated environment; replace a broken one. No other command installs packages.

    Example: posedeploy env add onnx2tf
    """
    from posedeploy.commands import environments as command

    command.run_add(name, python, installer)


@env.command(name="list")
def list_(json: common_options.Json = None) -> None:
    """List the isolated environments with their state, versions, size and folder.

    Example: posedeploy env list
    """
    from posedeploy.commands import environments as command

    command.run_list(json)


@env.command()
def remove(name: Name) -> None:
    """Delete an isolated environment.

    Example: posedeploy env remove onnx2tf
    """
    from posedeploy.commands import environments as command

    command.run_remove(name)
