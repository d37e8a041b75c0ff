"""``posedeploy export``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.backends import TARGETS
from posedeploy.console import options as shared


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
    ] = shared.ARTIFACTS,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The name of the artifacts, without suffix.",
            show_default="the checkpoint's",
        ),
    ] = None,
    input_size: shared.InputSize = None,
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
            rich_help_panel=shared.AOTI,
        ),
    ] = None,
    outputs: Annotated[
        str,
        typer.Option(
            metavar="all|last", help="Every published output, or only those that poses are decoded from."
        ),
    ] = "all",
    precision: shared.ExportPrecisionName = "fp32",
    calibration: shared.Calibration = None,
    calibration_images: shared.CalibrationImages = None,
    opset: shared.Opset = None,
    trt_library: shared.TrtLibrary = None,
    gpu: shared.Gpus = None,
    min_shapes: shared.MinShapes = None,
    opt_shapes: shared.OptShapes = None,
    max_shapes: shared.MaxShapes = None,
    workspace: shared.Workspace = None,
    timing_cache: shared.TimingCache = None,
    wrap: shared.Wrap = None,
    converter: shared.Converter = None,
    layout: shared.IoLayout = None,
    time_limit: shared.TimeLimit = None,
    family: shared.FamilyName = None,
    network: shared.Network = None,
    stages: shared.StagesText = None,
    mesh: shared.Mesh = None,
    contract: shared.Contract = None,
    weights: shared.WeightsKey = None,
) -> None:
    """Export a checkpoint to other runtimes, with a manifest beside each file.

    Example: posedeploy export human.pth --to openvino --to onnx -o out/
    """
    from posedeploy.api.model_args import ModelArgs
    from posedeploy.commands import export as command
    from posedeploy.console.tensorrt_options import EngineFlags, engine_options
    from posedeploy.convert.export_options import AotiOptions, OnnxOptions

    targets = to or ["openvino"]
    engine = EngineFlags(trt_library, gpu, min_shapes, opt_shapes, max_shapes, timing_cache, workspace, wrap)
    command.check_flags(targets, "aoti", {"--device": device})
    command.check_flags(targets, "tensorrt", engine.by_name)
    command.check_flags(targets, "onnx", {"--opset": opset})
    command.check_flags(targets, "tflite", {"--converter": converter, "--layout": layout})
    command.run(
        checkpoint,
        targets,
        output,
        name,
        command.options(
            shared.parse_size(input_size),
            batch,
            dynamic,
            embed_preprocessing,
            outputs,
            precision,
            calibration or (),
            calibration_images,
            aoti=AotiOptions(device or "cpu"),
            onnx=OnnxOptions(opset),
            tensorrt=engine_options(engine),
            tflite=command.tflite_options(converter, layout),
            environment=command.environment_options(converter, time_limit),
        ),
        ModelArgs.of(shared.model_keywords(family, network, contract, mesh, stages, weights)),
    )
