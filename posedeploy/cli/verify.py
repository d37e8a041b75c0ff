"""``posedeploy verify``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import common_options, model_options
from posedeploy.console.output import check_json, show_progress


def verify(
    certificate: Annotated[
        Path, typer.Argument(help="A JSON file of parity --certificate.", show_default=False)
    ],
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Search for the files in this folder first, at their recorded paths and by their names.",
            show_default="the folder of the certificate",
        ),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="The image, or the folder of the recorded images. Repeatable."),
    ] = None,
    checkpoint: model_options.Checkpoint = None,
    network: model_options.Network = None,
    contract: model_options.Contract = None,
    mesh: model_options.Mesh = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The reference file, if it has another path now.")
    ] = None,
    collected_outputs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The collected outputs, if they have another path now."),
    ] = None,
    max_change: Annotated[
        float,
        typer.Option(
            metavar="PERCENT",
            help="How far a number that decides about a verdict may change, in percent of its limit.",
        ),
    ] = 10.0,
    json: common_options.Json = None,
) -> None:
    """Check the files of a certificate, repeat its comparison, and compare verdicts and numbers.

    Exit with status 1 if a file differs, or a verdict or number changed.

    Example: posedeploy verify out/certificate.json
    """
    from posedeploy.api.certificate.verifying import verify as check
    from posedeploy.commands.verify import show_verification

    check_json(json)
    with show_progress() as on_progress:
        verification = check(
            certificate,
            folder=folder,
            images=images,
            checkpoint=checkpoint,
            network=network,
            contract=contract,
            mesh=mesh,
            reference=reference,
            collected_outputs=collected_outputs,
            max_change=max_change,
            on_progress=on_progress,
        )
    show_verification(verification, json)
    raise typer.Exit(0 if verification.passed else 1)
