"""The commands that come in groups, as ``cli.py`` has the others: of engines, drawn people and toolchains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import options as shared
from posedeploy.console.path_checks import CommandGroup

engine = CommandGroup(
    name="engine", no_args_is_help=True, help="TensorRT engines: build one again, or unwrap one."
)


@engine.command()
def rebuild(
    file: Annotated[Path, typer.Argument(help="A .engine file.", show_default=False)],
    trt_library: shared.TrtLibrary = None,
    gpu: shared.Gpus = None,
    workspace: shared.Workspace = None,
    timing_cache: shared.TimingCache = None,
) -> None:
    """Build an engine again, from the ONNX kept beside it: for the GPUs named, or those of before.

    Example: posedeploy engine rebuild out/human.engine --gpu sm89
    """
    from posedeploy.commands import engine as command
    from posedeploy.console.tensorrt_options import EngineFlags, engine_options

    asked = EngineFlags(trt_library, gpu, timing_cache=timing_cache, workspace=workspace)
    command.rebuild_engine(file, engine_options(asked))


@engine.command()
def unwrap(
    file: Annotated[Path, typer.Argument(help="A .pth that torch2trt wrote, or --wrap.", show_default=False)],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder for the engine.")
    ] = shared.ARTIFACTS,
) -> None:
    """Take the engine out of a torch2trt file; nothing in it is run.

    Example: posedeploy engine unwrap human-pose-estimation-3d-trt.pth -o out/
    """
    from posedeploy.commands import engine as command

    command.unwrap_engine(file, output)


samples = CommandGroup(
    name="samples", no_args_is_help=True, help="Draw people with known joints, to test and train with."
)


@samples.command()
def draw(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder for the images.", show_default=False)
    ],
    count: Annotated[int, typer.Option(help="How many images.")] = 100,
    seed: Annotated[int, typer.Option(help="Image i of a seed is the same on every machine.")] = 0,
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Height and width; mixed if not given.")
    ] = None,
    people: Annotated[int | None, typer.Option(help="In each image, 0 to 8; mixed if not given.")] = None,
) -> None:
    """Draw images of people, with their keypoints and 3D joints as COCO-style annotations.

    Example: posedeploy samples draw --count 100 --seed 7 -o drawn/
    """
    from posedeploy.commands import samples as command

    command.run(count, seed, output, shared.parse_size(size, "--size"), people)


toolchain = CommandGroup(
    name="toolchain",
    no_args_is_help=True,
    help="Add, list and remove what some targets need in an environment of its own.",
)


@toolchain.command()
def add(
    name: Annotated[
        str, typer.Argument(help="A toolchain of `posedeploy toolchain list`.", show_default=False)
    ],
    python: Annotated[
        Path | None,
        typer.Option(metavar="PYTHON", help="The Python to make it with.", show_default="the running one"),
    ] = None,
    installer: Annotated[
        str | None,
        typer.Option(metavar="uv|pip", help="What installs.", show_default="uv where it is found, else pip"),
    ] = None,
) -> None:
    """Make the environment of a toolchain, by the network; a broken one anew. Nothing else ever installs.

    Example: posedeploy toolchain add onnx2tf
    """
    from posedeploy.commands import toolchain as command

    command.run_add(name, python, installer)


@toolchain.command(name="list")
def list_(json: shared.Json = None) -> None:
    """List the toolchains: whole, missing or broken and why, versions, size, folder.

    Example: posedeploy toolchain list
    """
    from posedeploy.commands import toolchain as command

    command.run_list(json)


@toolchain.command()
def remove(
    name: Annotated[
        str, typer.Argument(help="A toolchain of `posedeploy toolchain list`.", show_default=False)
    ],
) -> None:
    """Delete the environment of a toolchain.

    Example: posedeploy toolchain remove onnx2tf
    """
    from posedeploy.commands import toolchain as command

    command.run_remove(name)
