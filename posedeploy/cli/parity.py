"""``posedeploy parity``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from posedeploy.console import common_options, model_options, ray_options
from posedeploy.console.output import show_progress


def parity(
    models: Annotated[
        list[Path], typer.Argument(help="Artifacts, or folders of artifacts.", show_default=False)
    ],
    images: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Also compare on this image, the images of this folder, or the frames of this video. "
            "Repeatable.",
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Compare on the first N frames of each video.", show_default="100", min=1
        ),
    ] = None,
    device: common_options.Device = "cpu",
    threads: common_options.Threads = None,
    precision: common_options.PrecisionName = None,
    rtol: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Maximum difference, relative to an output's largest value. By default 1e-4 (fp32), "
            "1e-3 (tf32, fp16) or 8e-3 (bf16), or twice PyTorch's noise floor if that is larger.",
            show_default=False,
        ),
    ] = None,
    max_px: Annotated[
        float | None,
        typer.Option(
            metavar="PX",
            help="Tolerance of keypoints at the 99th percentile.",
            show_default="0.1 in fp32, else 1",
        ),
    ] = None,
    max_mm: Annotated[
        float | None,
        typer.Option(
            metavar="MM",
            help="Tolerance of 3D joints and vertices at the 99th percentile.",
            show_default="1 in fp32, else 5",
        ),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIMIT",
            help="Limit the differences between poses instead: 1px (keypoints), 0.5mm (3D), 0.99oks "
            "(similarity) or 2% (keypoints found by only one of the two models). Repeatable.",
            show_default="the tolerances; 1.5px and 10mm in int8",
        ),
    ] = None,
    noise_floor: Annotated[
        bool,
        typer.Option(help="Always measure the noise floor of PyTorch."),
    ] = False,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Compare with PyTorch's outputs in this reference file, without PyTorch.",
            show_default=False,
        ),
    ] = None,
    save_reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the inputs and PyTorch's outputs to this file, for --reference.",
            show_default=False,
        ),
    ] = None,
    collected_outputs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --reference: the outputs that the model returned on another device, such as a phone.",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="Compare with this artifact of the same network, without PyTorch.",
            show_default=False,
        ),
    ] = None,
    against_contract: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="The contract of --against, if it has no manifest.",
            show_default="that of --contract",
        ),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Write a certificate that verify can check, and an HTML page with its content next to it.",
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[
        bool, typer.Option(help="Show the images with the largest differences on the page of --certificate.")
    ] = True,
    junit: Annotated[
        Path | None,
        typer.Option(metavar="FILE.xml", help="Write the verdicts as JUnit XML, for CI.", show_default=False),
    ] = None,
    runtime: common_options.RuntimeName = None,
    checkpoint: model_options.Checkpoint = None,
    family: model_options.FamilyName = None,
    network: model_options.Network = None,
    stages: model_options.StagesText = None,
    mesh: model_options.Mesh = None,
    weights: model_options.WeightsKey = None,
    contract: model_options.Contract = None,
    ray: ray_options.Ray = None,
    on: ray_options.On = None,
    json: common_options.Json = None,
) -> None:
    """Compare artifacts with PyTorch, or with another artifact, output by output and keypoint by keypoint.

    Exit with status 1 if an artifact is outside its tolerance or over its budget.

    Example: posedeploy parity out/human.xml out/human.onnx --images photos/
    """
    from posedeploy.api.comparing import compare
    from posedeploy.commands.nodes import check_output_files, measure
    from posedeploy.commands.parity import check_outputs, record_error, show_parity, write_outputs
    from posedeploy.console.model_lists import list_models
    from posedeploy.model_urls import is_model_url

    check_outputs(
        json,
        certificate,
        junit,
        save_reference,
        pictures=pictures,
        is_against=against is not None,
        is_served=any(map(is_model_url, models)),
    )
    ray_options.check_on(ray, on)
    arguments: dict[str, Any] = {
        "images": images,
        "frames": frames,
        "device": device,
        "precision": precision,
        "threads": threads,
        "runtime": runtime,
        "checkpoint": checkpoint,
        "rtol": rtol,
        "max_px": max_px,
        "max_mm": max_mm,
        "budget": budget or None,
        "noise_floor": noise_floor,
        "reference": reference,
        "save_reference": save_reference,
        "collected_outputs": collected_outputs,
        "against": against,
        "against_contract": against_contract,
        **model_options.model_keywords(family, network, contract, mesh, stages, weights),
    }
    with record_error(junit, models):
        paths = list_models(models, device, runtime)
    if ray is not None:
        check_output_files(certificate, junit, save_reference)
        raise typer.Exit(0 if measure("parity", paths, ray, on, json, **arguments) else 1)
    with record_error(junit, paths), show_progress() as on_progress:
        report = compare(paths, on_progress=on_progress, **arguments)
    show_parity(report, json)
    write_outputs(report, certificate, junit, pictures=pictures)
    raise typer.Exit(0 if report.passed else 1)
