"""``posedeploy toolchain ...``: arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import options as shared
from posedeploy.console.path_checks import CommandGroup

toolchain = CommandGroup(
    name="toolchain",
    no_args_is_help=True,
    help="Add, list and remove what some targets need in an environment of its own.",
)


@toolchain.command()
def add(
    name: Annotated[
        str, typer.Argument(help="A toolchain of `posedeploy toolchain list`.", show_default=False)
    ],
    python: Annotated[
        Path | None,
        typer.Option(metavar="PYTHON", help="The Python to make it with.", show_default="the running one"),
    ] = None,
    installer: Annotated[
        str | None,
        typer.Option(metavar="uv|pip", help="What installs.", show_default="uv where it is found, else pip"),
    ] = None,
) -> None:
    """Make the environment of a toolchain, by the network; a broken one anew. Nothing else ever installs.

    Example: posedeploy toolchain add onnx2tf
    """
    from posedeploy.commands import toolchain as command

    command.run_add(name, python, installer)


@toolchain.command(name="list")
def list_(json: shared.Json = None) -> None:
    """List the toolchains: whole, missing or broken and why, versions, size, folder.

    Example: posedeploy toolchain list
    """
    from posedeploy.commands import toolchain as command

    command.run_list(json)


@toolchain.command()
def remove(
    name: Annotated[
        str, typer.Argument(help="A toolchain of `posedeploy toolchain list`.", show_default=False)
    ],
) -> None:
    """Delete the environment of a toolchain.

    Example: posedeploy toolchain remove onnx2tf
    """
    from posedeploy.commands import toolchain as command

    command.run_remove(name)
