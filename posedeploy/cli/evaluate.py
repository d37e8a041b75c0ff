"""``posedeploy evaluate``: its arguments and options."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import common_options, model_options, people_options, ray_options
from posedeploy.console.output import check_json, show_progress


def evaluate(
    annotations: Annotated[
        Path,
        typer.Option(metavar="FILE", help="COCO keypoint annotations.", show_default=False),
    ],
    images: Annotated[
        list[Path],
        typer.Option(
            metavar="DIR", help="The folder of the images. Repeatable, searched in order.", show_default=False
        ),
    ],
    model: Annotated[
        Path | None, typer.Argument(help="An artifact or a checkpoint.", show_default="the built-in sample")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Use only the first N images of the file.")
    ] = None,
    height: common_options.Height = None,
    refine: common_options.Refine = False,
    detector: people_options.Detector = None,
    detector_spec: people_options.DetectorSpec = None,
    device: common_options.Device = "cpu",
    threads: common_options.Threads = None,
    precision: common_options.PrecisionName = None,
    runtime: common_options.RuntimeName = None,
    family: model_options.FamilyName = None,
    network: model_options.Network = None,
    stages: model_options.StagesText = None,
    weights: model_options.WeightsKey = None,
    contract: model_options.Contract = None,
    ray: ray_options.Ray = None,
    workers: ray_options.Workers = None,
    json: common_options.Json = None,
) -> None:
    """Compute COCO keypoint AP and AR by OKS on annotated images.

    Example: posedeploy evaluate human.xml --annotations coco.json --images coco/
    """
    from posedeploy.api.evaluating import evaluate as score
    from posedeploy.api.evaluation_report import EvaluationReport
    from posedeploy.commands.evaluate import show_evaluation

    check_json(json)
    settings = ray_options.to_settings(ray, workers=workers)
    run: Callable[..., EvaluationReport] = score
    if settings is not None:
        from posedeploy.scaling.evaluating import evaluate_on_ray

        run = partial(evaluate_on_ray, ray=settings)
    with show_progress() as on_progress:
        report = run(
            model,
            annotations,
            images,
            device=device,
            precision=precision,
            threads=threads,
            runtime=runtime,
            limit=limit,
            refine=refine,
            detector=detector,
            detector_spec=detector_spec,
            on_progress=on_progress,
            **model_options.model_keywords(family, network, contract, None, stages, weights, height),
        )
    show_evaluation(report, json)
