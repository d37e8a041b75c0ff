"""``posedeploy synthetic``: arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import parsing


def synthetic(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder for the images.", show_default=False)
    ],
    count: Annotated[int, typer.Option(metavar="N", help="The number of images.")] = 100,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Image i of a seed is the same on every machine.")
    ] = 0,
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Height and width of the images.", show_default="mixed")
    ] = None,
    people: Annotated[
        int | None,
        typer.Option(metavar="N", help="The number of people in each image, 0 to 8.", show_default="mixed"),
    ] = None,
    keypoint_set: Annotated[
        str,
        typer.Option(
            metavar="SET",
            help="The keypoints of the annotations, such as halpe-26, mpii-16 or blazepose-33.",
        ),
    ] = "coco-17",
) -> None:
    """Generate images of synthetic people with COCO-style annotations.

    Example: posedeploy synthetic --count 100 --seed 7 -o synthetic/
    """
    from posedeploy.commands import synthetic as command

    command.run(count, seed, output, parsing.parse_size(size, "--size"), people, keypoint_set)
