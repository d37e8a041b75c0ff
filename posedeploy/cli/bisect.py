"""``posedeploy bisect``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import common_options, model_options
from posedeploy.console.output import check_json, show_progress


def bisect(
    artifact: Annotated[Path, typer.Argument(help="An artifact.", show_default=False)],
    images: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="Also choose among this image, or the images of this folder. Repeatable."
        ),
    ] = None,
    device: common_options.Device = "cpu",
    threads: common_options.Threads = None,
    precision: common_options.PrecisionName = None,
    runtime: common_options.RuntimeName = None,
    checkpoint: model_options.Checkpoint = None,
    family: model_options.FamilyName = None,
    network: model_options.Network = None,
    stages: model_options.StagesText = None,
    mesh: model_options.Mesh = None,
    weights: model_options.WeightsKey = None,
    contract: model_options.Contract = None,
    json: common_options.Json = None,
) -> None:
    """Find the first tensor of an artifact that differs from PyTorch, and rank the layers by their effect.

    Exit with status 1 if the error of a tensor exceeds the noise floor, a fusion changes the outputs, or the
    artifact describes another preprocessing.

    Example: posedeploy bisect out/human.xml
    """
    from posedeploy.api.bisecting import bisect as find_fault
    from posedeploy.commands.bisect import show_bisect

    check_json(json)
    with show_progress() as on_progress:
        report = find_fault(
            artifact,
            images,
            device=device,
            precision=precision,
            threads=threads,
            runtime=runtime,
            checkpoint=checkpoint,
            on_progress=on_progress,
            **model_options.model_keywords(family, network, contract, mesh, stages, weights),
        )
    show_bisect(report, json)
    raise typer.Exit(0 if report.passed else 1)
