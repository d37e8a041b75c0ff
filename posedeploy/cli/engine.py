"""``posedeploy engine ...``: arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import common_options, target_options
from posedeploy.console.path_checks import CommandGroup

engine = CommandGroup(
    name="engine",
    no_args_is_help=True,
    help="Rebuild a TensorRT engine, or extract one from a torch2trt file.",
)


@engine.command()
def rebuild(
    file: Annotated[Path, typer.Argument(help="The .engine file.", show_default=False)],
    trt_library: target_options.TrtLibrary = None,
    gpu: target_options.Gpus = None,
    workspace: target_options.Workspace = None,
    timing_cache: target_options.TimingCache = None,
) -> None:
    """Rebuild an engine from the .engine.onnx file in its folder, for the same or other GPUs.

    Example: posedeploy engine rebuild out/human.engine --gpu sm89
    """
    from posedeploy.commands import engine as command
    from posedeploy.console.tensorrt_options import EngineFlags, parse_engine_flags

    flags = EngineFlags(trt_library, gpu, timing_cache=timing_cache, workspace=workspace)
    command.rebuild_engine(file, parse_engine_flags(flags))


@engine.command()
def unwrap(
    file: Annotated[Path, typer.Argument(help="A .pth file of torch2trt, or of --wrap.", show_default=False)],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder for the engine.")
    ] = common_options.ARTIFACTS,
) -> None:
    """Extract the engine from a torch2trt file, without executing any code in it.

    Example: posedeploy engine unwrap human-pose-estimation-3d-trt.pth -o out/
    """
    from posedeploy.commands import engine as command

    command.unwrap_engine(file, output)
