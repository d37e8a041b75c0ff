"""``posedeploy tune``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.backends import TARGETS
from posedeploy.console import common_options, model_options, parsing, target_options
from posedeploy.console.output import show_progress
from posedeploy.tuning.configurations import Objective


def tune(
    budget: Annotated[
        list[str],
        typer.Option(
            metavar="LIMIT",
            help="Limit the differences of the poses from PyTorch: 1px (95% of keypoints), 0.5mm (95% of 3D "
            "joints), 0.99oks or 2% (unmatched keypoints). Repeatable.",
            show_default=False,
        ),
    ],
    checkpoint: Annotated[
        Path | None, typer.Argument(help="The checkpoint.", show_default="the built-in sample")
    ] = None,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="The folder for the winner, the reports and the finished steps."),
    ] = common_options.ARTIFACTS,
    device: common_options.Device = "cpu",
    objective: Annotated[
        Objective,
        typer.Option(
            metavar="NAME",
            help="What to optimize: latency (one image after another), throughput (many in flight) or size "
            "(of the files).",
        ),
    ] = "latency",
    time: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="The time limit, such as 90s, 10m or 1h. A running step is completed."
        ),
    ] = "10m",
    images: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Also measure errors on this image, or on the images of this folder. Repeatable.",
        ),
    ] = None,
    calibration: target_options.Calibration = None,
    calibration_images: target_options.CalibrationImages = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TARGET",
            help=f"Try only these targets: {', '.join(TARGETS)}. Repeatable.",
            show_default="all that are installed",
        ),
    ] = None,
    input_size: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HxW",
            help="An input size to try. Repeatable.",
            show_default="the published one and three quarters of it",
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            help="Images (or people) in one run. Repeatable.",
            show_default="1; also 4 for throughput",
        ),
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            help="A number of CPU threads to try. Repeatable.",
            show_default="all physical cores, half of them and 1",
        ),
    ] = None,
    family: model_options.FamilyName = None,
    network: model_options.Network = None,
    stages: model_options.StagesText = None,
    mesh: model_options.Mesh = None,
    weights: model_options.WeightsKey = None,
    contract: model_options.Contract = None,
) -> None:
    """Find the fastest (or smallest) way to run a network whose poses stay within a budget.

    Tries targets, runtimes, precisions, threads, input sizes and batches. Run the same command again to
    continue a search that was interrupted or ran out of time. Exit with 1 if nothing is within the budget.

    Example: posedeploy tune human.pth --budget 1px --time 10m -o tuned/
    """
    from posedeploy.api.tuning import tune as search
    from posedeploy.commands.tune import show_tuning
    from posedeploy.convert.export_options import CALIBRATION_IMAGES

    keywords = model_options.model_keywords(family, network, contract, mesh, stages, weights)
    sizes = [parsing.parse_size(text) for text in input_size or ()]
    with show_progress() as on_progress:
        report = search(
            checkpoint,
            output,
            budget,
            device=device,
            objective=objective,
            time_s=parsing.parse_duration(time, "--time"),
            images=images,
            calibration=calibration or (),
            calibration_images=CALIBRATION_IMAGES if calibration_images is None else calibration_images,
            targets=to or (),
            input_size=[size for size in sizes if size is not None],
            batch=batch or (),
            threads=threads or (),
            on_progress=on_progress,
            **keywords,
        )
    show_tuning(report, output)
    raise typer.Exit(0 if report.winner is not None else 1)
