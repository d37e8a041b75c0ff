"""Options of the people in an image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

PEOPLE = "People"
"""The panel of these options."""

Detector: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL",
        help="The model that finds the people, for single-person networks and networks on 2D joints.",
        rich_help_panel=PEOPLE,
    ),
]
DetectorSpec: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml|PRESET",
        help="The description of a third-party --detector.",
        rich_help_panel=PEOPLE,
    ),
]
