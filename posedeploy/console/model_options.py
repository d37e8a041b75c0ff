"""Options that describe a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from posedeploy.console.parsing import parse_stages

if TYPE_CHECKING:
    from posedeploy.api.model_args import ModelKeywords

MODEL = "Model"
"""The panel of these options."""

FamilyName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--family",
        metavar="NAME",
        help="The network's name, if the file does not determine it; `posedeploy families` lists them.",
        rich_help_panel=MODEL,
    ),
]
Network: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.py:FUNCTION",
        help="Your own network. This EXECUTES the Python file.",
        rich_help_panel=MODEL,
    ),
]
Mesh: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The triangles of the mesh of pose2mesh or gtrs: .npy, .npz, .obj or .pkl.",
        rich_help_panel=MODEL,
    ),
]
StagesText: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--stages",
        metavar="N|all",
        help="The number of refinement stages of lightweight-openpose-2d to use.",
        show_default="1, as published",
        rich_help_panel=MODEL,
    ),
]
WeightsKey: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="KEY",
        help="The weights to use if the checkpoint holds several, such as state_dict_ema.",
        show_default="as the published code",
        rich_help_panel=MODEL,
    ),
]
Contract: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml|PRESET",
        help="The description of your own keypoints, or of a third-party model.",
        rich_help_panel=MODEL,
    ),
]
Checkpoint: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.pth",
        help="The checkpoint to compare with.",
        show_default="the one in the manifest",
        rich_help_panel=MODEL,
    ),
]


def model_keywords(
    family: str | None,
    network: str | None,
    contract: Path | None,
    mesh: Path | None,
    stages: str | None,
    weights: str | None,
    height: int | None = None,
) -> ModelKeywords:
    """Return the options of a model as keyword arguments of the library.

    Raises:
        InputError: ``stages`` is neither a number nor ``all``.
    """
    return {
        "family": family,
        "network": network,
        "contract": contract,
        "mesh": mesh,
        "height": height,
        "stages": parse_stages(stages),
        "weights": weights,
    }
