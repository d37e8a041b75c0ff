"""The arguments and options of the commands that show or fetch: inspect, families, fetch and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import options as shared


def inspect(
    file: Annotated[Path, typer.Argument(help="A checkpoint or a model file.", show_default=False)],
    family: shared.FamilyName = None,
    network: shared.Network = None,
    stages: shared.StagesText = None,
    mesh: shared.Mesh = None,
    weights: shared.WeightsKey = None,
    contract: shared.Contract = None,
    json: shared.Json = None,
) -> None:
    """Show what a checkpoint or a model file is: family, tensors, contract, provenance.

    Example: posedeploy inspect out/human.xml
    """
    from posedeploy.api.model_args import ModelArgs
    from posedeploy.commands import inspect as command

    args = ModelArgs.of(shared.model_keywords(family, network, contract, mesh, stages, weights))
    command.run(file, args, json)


def families(json: shared.Json = None) -> None:
    """List the networks that are known: joints, inputs, licenses, where weights are published.

    Example: posedeploy families
    """
    from posedeploy.commands import families as command

    command.run(json)


def fetch(
    family: Annotated[str, typer.Argument(help="A family of `posedeploy families`.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the file.")] = Path(
        "checkpoints"
    ),
    url: Annotated[
        str | None, typer.Option(help="Fetch from here, in place of the published address.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="The hash that the file must have, 64 hexadecimal digits.")
    ] = None,
) -> None:
    """Download a published checkpoint; resumes, records its hash, refuses a changed one.

    Example: posedeploy fetch lightweight-openpose-2d
    """
    from posedeploy.commands import fetch as command

    command.run(family, output, url, sha256)


def doctor(json: shared.Json = None) -> None:
    """Try every target and runtime here: each works, or what is missing and the command that installs it.

    Example: posedeploy doctor
    """
    from posedeploy.commands import doctor as command

    raise typer.Exit(0 if command.run(json) else 1)
