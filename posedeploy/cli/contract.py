"""``posedeploy contract ...``: arguments and options."""

from __future__ import annotations

from typing import Annotated

import typer

from posedeploy.console.path_checks import CommandGroup

contract = CommandGroup(
    name="contract",
    no_args_is_help=True,
    help="Write contracts, the TOML files that describe your own network or a third-party model.",
)


@contract.command()
def new(
    name: Annotated[
        str, typer.Argument(help="A family or a preset that `posedeploy families` lists.", show_default=False)
    ],
) -> None:
    """Write a contract with all fields and comments to standard output, to edit for your network.

    Example: posedeploy contract new heatmap > my_net.toml
    """
    from posedeploy.contract_template import write_template

    typer.echo(write_template(name), nl=False)
