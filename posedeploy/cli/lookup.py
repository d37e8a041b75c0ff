"""The arguments and options of the commands that show or fetch: inspect, families, fetch and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import common_options, model_options


def inspect(
    file: Annotated[Path, typer.Argument(help="A checkpoint or a model file.", show_default=False)],
    family: model_options.FamilyName = None,
    network: model_options.Network = None,
    stages: model_options.StagesText = None,
    mesh: model_options.Mesh = None,
    weights: model_options.WeightsKey = None,
    contract: model_options.Contract = None,
    json: common_options.Json = None,
) -> None:
    """Show what a checkpoint or a model file contains: family, tensors, preprocessing, provenance.

    Example: posedeploy inspect out/human.xml
    """
    from posedeploy.api.model_args import ModelArgs
    from posedeploy.commands import inspect as command

    args = ModelArgs.of(model_options.model_keywords(family, network, contract, mesh, stages, weights))
    command.run(file, args, json)


def families(json: common_options.Json = None) -> None:
    """List the supported networks: joints, inputs, licenses, published weights.

    Example: posedeploy families
    """
    from posedeploy.commands import families as command

    command.run(json)


def fetch(
    family: Annotated[
        str, typer.Argument(help="A name that `posedeploy families` lists.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the file.")] = Path(
        "checkpoints"
    ),
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The address to download from.", show_default="the published one"),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(
            "--sha256", metavar="HEX", help="The expected SHA-256 of the file, 64 hexadecimal digits."
        ),
    ] = None,
) -> None:
    """Download a published checkpoint. Resume interrupted downloads and verify the recorded hash.

    Example: posedeploy fetch lightweight-openpose-2d
    """
    from posedeploy.commands import fetch as command

    command.run(family, output, url, sha256)


def doctor(json: common_options.Json = None) -> None:
    """Test every target and runtime on this machine; list missing packages and how to install them.

    Example: posedeploy doctor
    """
    from posedeploy.commands import doctor as command

    raise typer.Exit(0 if command.run(json) else 1)
