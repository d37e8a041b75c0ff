"""``posedeploy export``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.backends import TARGETS
from posedeploy.console import common_options, model_options, parsing, target_options


def export(
    checkpoint: Annotated[
        Path | None, typer.Argument(help="The checkpoint.", show_default="the built-in sample")
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TARGET",
            help=f"{', '.join(TARGETS)}. Repeat the option for several targets.",
            show_default="openvino",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder for the artifacts.")
    ] = common_options.ARTIFACTS,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The name of the artifacts, without suffix.",
            show_default="the checkpoint's",
        ),
    ] = None,
    input_size: common_options.InputSize = None,
    batch: Annotated[int, typer.Option(metavar="N", help="The number of images (or people) in one run.")] = 1,
    dynamic: Annotated[
        bool,
        typer.Option(
            "--dynamic", help="Make the batch, height and width dynamic axes, if the network allows it."
        ),
    ] = False,
    embed_preprocessing: Annotated[
        bool,
        typer.Option(
            "--embed-preprocessing",
            help="Take the raw uint8 BGR image as the input; mean, std and color order are in the model.",
        ),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="cpu|cuda",
            help="The device to compile for.",
            show_default="cpu",
            rich_help_panel=target_options.AOTI,
        ),
    ] = None,
    outputs: Annotated[
        str,
        typer.Option(
            metavar="all|last", help="All published outputs, or only those that the decoding of poses needs."
        ),
    ] = "all",
    precision: target_options.ExportPrecisionName = "fp32",
    calibration: target_options.Calibration = None,
    calibration_images: target_options.CalibrationImages = None,
    budget: target_options.ExportBudget = None,
    images: target_options.BudgetImages = None,
    budget_minutes: target_options.BudgetMinutes = 30.0,
    recover: target_options.Recover = None,
    recover_steps: target_options.RecoverSteps = None,
    opset: target_options.Opset = None,
    trt_library: target_options.TrtLibrary = None,
    gpu: target_options.Gpus = None,
    min_shapes: target_options.MinShapes = None,
    opt_shapes: target_options.OptShapes = None,
    max_shapes: target_options.MaxShapes = None,
    workspace: target_options.Workspace = None,
    timing_cache: target_options.TimingCache = None,
    wrap: target_options.Wrap = None,
    converter: target_options.Converter = None,
    layout: target_options.IoLayout = None,
    activations: target_options.Activations = None,
    time_limit: target_options.TimeLimit = None,
    family: model_options.FamilyName = None,
    network: model_options.Network = None,
    stages: model_options.StagesText = None,
    mesh: model_options.Mesh = None,
    contract: model_options.Contract = None,
    weights: model_options.WeightsKey = None,
) -> None:
    """Export a checkpoint to other runtimes, with a manifest for each file.

    Example: posedeploy export human.pth --to openvino --to onnx -o out/
    """
    from posedeploy.api.model_args import ModelArgs
    from posedeploy.commands import export as command
    from posedeploy.console.tensorrt_options import EngineFlags, parse_engine_flags
    from posedeploy.convert.export_options import AotiOptions, OnnxOptions

    targets = to or ["openvino"]
    engine = EngineFlags(trt_library, gpu, min_shapes, opt_shapes, max_shapes, timing_cache, workspace, wrap)
    command.check_flags(targets, "aoti", {"--device": device})
    command.check_flags(targets, "tensorrt", engine.by_name)
    command.check_flags(targets, "onnx", {"--opset": opset})
    tflite = {"--converter": converter, "--layout": layout, "--activations": activations}
    command.check_flags(targets, "tflite", tflite)
    command.run(
        checkpoint,
        targets,
        output,
        name,
        command.build_options(
            targets,
            parsing.parse_size(input_size),
            batch,
            dynamic,
            embed_preprocessing,
            outputs,
            precision,
            calibration or (),
            calibration_images,
            budget or (),
            images or (),
            budget_minutes,
            recover,
            recover_steps,
            aoti=AotiOptions(device or "cpu"),
            onnx=OnnxOptions(opset),
            tensorrt=parse_engine_flags(engine),
            tflite=command.tflite_options(converter, layout, activations, precision),
            environment=command.environment_options(converter, time_limit),
        ),
        ModelArgs.of(model_options.model_keywords(family, network, contract, mesh, stages, weights)),
    )
