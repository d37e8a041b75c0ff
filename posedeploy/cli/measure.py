"""The arguments and options of the commands that compare models: ``bench`` and ``parity``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import common_options, model_options, parsing
from posedeploy.console.output import check_json, show_progress
from posedeploy.types import Precision, Scenario


def bench(
    models: Annotated[
        list[Path] | None, typer.Argument(help="Artifacts or checkpoints.", show_default="all in ./artifacts")
    ] = None,
    device: common_options.Device = "cpu",
    threads: common_options.Threads = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            help="The precision of the arithmetic of all models; auto leaves it to the runtime.",
            show_default="that of each file, or fp32",
        ),
    ] = None,
    scenario: Annotated[
        Scenario,
        typer.Option(
            help="As in MLPerf: single-stream runs one input after another and measures latency; offline "
            "keeps several in flight and measures throughput.",
        ),
    ] = "single-stream",
    runs: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Timed runs of each model. p90 needs 100 runs and p99 needs 1000; ten times as many in the "
            "offline scenario.",
        ),
    ] = 100,
    loads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Load each model N times, and divide the runs among the loads.",
            show_default="1; 3 with --compare",
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The --json of an earlier bench, or a model to run in the same rounds.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Seed of the order of the models in each round.", show_default="fixed"
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Run on this image instead of noise, and also time preprocessing and decoding.",
        ),
    ] = None,
    footprint: Annotated[
        bool,
        typer.Option(
            "--footprint",
            help="Also load each model in a separate process, and measure its start, peak memory and energy.",
        ),
    ] = False,
    batch: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Images in one run, if the batch is a dynamic axis.", show_default="1"
        ),
    ] = None,
    input_size: common_options.InputSize = None,
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
    """Measure the latency of artifacts and of PyTorch on their checkpoint, in the same rounds.

    Exit with status 1 if a model became slower (--compare) or cannot be measured alone (--footprint).

    Example: posedeploy bench out/human.xml out/human.onnx --threads 2 --json bench.json
    """
    from posedeploy.api.benchmark_candidates import BenchmarkOptions
    from posedeploy.api.benchmarking import benchmark
    from posedeploy.commands import bench as command

    check_json(json)
    size = parsing.parse_size(input_size)
    keywords = model_options.model_keywords(family, network, contract, mesh, stages, weights)
    # Before the sample is exported.
    options = BenchmarkOptions(
        runs=runs, loads=1 if loads is None else loads, batch=batch, runtime=runtime, checkpoint=checkpoint
    )
    command.check_arguments(options, device, threads, keywords)
    with show_progress() as on_progress:
        report = benchmark(
            models or command.list_or_export(common_options.ARTIFACTS, device, runtime),
            runs,
            device=device,
            precision=precision,
            threads=threads,
            scenario=scenario,
            loads=loads,
            compare=compare,
            seed=seed,
            image=image,
            footprint=footprint,
            batch=batch,
            input_size=size,
            runtime=runtime,
            checkpoint=checkpoint,
            on_progress=on_progress,
            **keywords,
        )
    command.show_latency(report, json, compare)
    raise typer.Exit(1 if report.is_slower or report.failures else 0)


def parity(
    models: Annotated[list[Path], typer.Argument(help="Artifacts.", show_default=False)],
    images: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Also compare on this image, or on the images of this folder."),
    ] = None,
    device: common_options.Device = "cpu",
    threads: common_options.Threads = None,
    precision: common_options.PrecisionName = "fp32",
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
    """Compare artifacts with PyTorch, output by output and keypoint by keypoint.

    Exit with status 1 if an artifact is outside its tolerance or over its budget.

    Example: posedeploy parity out/human.xml out/human.onnx --images photos/
    """
    from posedeploy.api.comparing import compare
    from posedeploy.commands.parity import show_parity

    check_json(json)
    with show_progress() as on_progress:
        report = compare(
            models,
            images,
            device=device,
            precision=precision,
            threads=threads,
            runtime=runtime,
            checkpoint=checkpoint,
            rtol=rtol,
            max_px=max_px,
            max_mm=max_mm,
            budget=budget or None,
            noise_floor=noise_floor,
            reference=reference,
            save_reference=save_reference,
            collected_outputs=collected_outputs,
            on_progress=on_progress,
            **model_options.model_keywords(family, network, contract, mesh, stages, weights),
        )
    show_parity(report, json)
    raise typer.Exit(0 if report.passed else 1)
