"""``posedeploy bench``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from posedeploy.console import common_options, model_options, parsing, ray_options
from posedeploy.console.output import check_json, show_progress
from posedeploy.types import Scenario


def bench(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Artifacts, checkpoints, or folders of artifacts.", show_default="all in ./artifacts"
        ),
    ] = None,
    device: common_options.Device = "cpu",
    threads: common_options.Threads = None,
    precision: common_options.PrecisionName = None,
    scenario: Annotated[
        Scenario,
        typer.Option(
            help="As in MLPerf: single-stream runs one input after another and measures latency; offline "
            "keeps several in flight and measures throughput.",
        ),
    ] = "single-stream",
    runs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Timed runs of each model. p90 needs 100 runs and p99 needs 1000; ten times as many in the "
            "offline scenario.",
            show_default="100; 200 with --compare in the offline scenario",
        ),
    ] = None,
    loads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Load each model N times, and divide the runs among the loads.",
            show_default="1; 8 with --compare",
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
    ray: ray_options.Ray = None,
    on: ray_options.On = None,
    json: common_options.Json = None,
) -> None:
    """Measure the latency of artifacts and of PyTorch on their checkpoint, in the same rounds.

    Exit with status 1 if a model became slower (--compare) or cannot be measured alone (--footprint).

    Example: posedeploy bench out/human.xml out/human.onnx --threads 2 --json bench.json
    """
    from posedeploy.api.benchmark_candidates import BenchmarkOptions
    from posedeploy.api.benchmark_runs import choose_runs
    from posedeploy.api.benchmarking import benchmark
    from posedeploy.commands import bench as command
    from posedeploy.commands.nodes import measure
    from posedeploy.console.model_lists import list_models

    check_json(json)
    ray_options.check_on(ray, on)
    size = parsing.parse_size(input_size)
    keywords = model_options.model_keywords(family, network, contract, mesh, stages, weights)
    # Before the sample is exported.
    runs = choose_runs(runs, scenario, is_compared=compare is not None)
    options = BenchmarkOptions(
        runs=runs, loads=1 if loads is None else loads, batch=batch, runtime=runtime, checkpoint=checkpoint
    )
    command.check_arguments(options, device, threads, keywords)
    arguments: dict[str, Any] = {
        "runs": runs,
        "device": device,
        "precision": precision,
        "threads": threads,
        "scenario": scenario,
        "loads": loads,
        "compare": compare,
        "seed": seed,
        "image": image,
        "footprint": footprint,
        "batch": batch,
        "input_size": size,
        "runtime": runtime,
        "checkpoint": checkpoint,
        **keywords,
    }
    if ray is not None:
        paths = (
            list_models(models, device, runtime)
            if models
            else command.list_or_export(common_options.ARTIFACTS, device, runtime)
        )
        raise typer.Exit(0 if measure("bench", paths, ray, on, json, **arguments) else 1)
    with show_progress() as on_progress:
        report = benchmark(
            list_models(models, device, runtime)
            if models
            else command.list_or_export(common_options.ARTIFACTS, device, runtime),
            on_progress=on_progress,
            **arguments,
        )
    command.show_latency(report, json, compare)
    raise typer.Exit(1 if report.is_slower or report.failures else 0)
