"""``posedeploy samples ...``: arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import options as shared
from posedeploy.console.path_checks import CommandGroup

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
