"""The command line: each command parses its arguments and calls one function of ``commands/``.

What a command needs is imported when it runs, so that ``--help`` loads no framework.
"""

from __future__ import annotations

from typing import Annotated

import typer

from posedeploy import __version__
from posedeploy.cli.bench import bench
from posedeploy.cli.bisect import bisect
from posedeploy.cli.bundle import bundle
from posedeploy.cli.contract import contract
from posedeploy.cli.engine import engine
from posedeploy.cli.environments import env
from posedeploy.cli.evaluate import evaluate
from posedeploy.cli.export import export
from posedeploy.cli.lookup import doctor, families, fetch, inspect
from posedeploy.cli.parity import parity
from posedeploy.cli.predict import predict
from posedeploy.cli.report import report
from posedeploy.cli.synthetic import synthetic
from posedeploy.cli.tune import tune
from posedeploy.cli.verify import verify
from posedeploy.console.error_handling import ErrorHandlingGroup
from posedeploy.console.path_checks import CommandGroup

app = CommandGroup(
    cls=ErrorHandlingGroup,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    help="Take a PyTorch human-pose checkpoint to any runtime and prove that the poses are still the same.",
)


START = """\
posedeploy takes a PyTorch human-pose checkpoint to any runtime and proves that
the poses are still the same. A first session:

  posedeploy export human.pth --to openvino -o out/
  posedeploy parity out/human.xml
  posedeploy predict out/human.xml photo.jpg -o poses/

Without a checkpoint, `posedeploy export` uses the built-in sample.
All commands: posedeploy --help. What is installed: posedeploy doctor."""
"""The output of ``posedeploy`` without arguments."""


def main() -> None:
    """Run the command line."""
    app()


def _print_version(is_set: bool) -> None:
    if is_set:
        typer.echo(f"posedeploy {__version__}")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Show the commands of a first session, if no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(START)


for command in (
    export,
    tune,
    bench,
    parity,
    bisect,
    verify,
    report,
    predict,
    evaluate,
    bundle,
    inspect,
    families,
    fetch,
    doctor,
    synthetic,
):
    app.command()(command)
for group in (contract, engine, env):
    app.add_typer(group)
