"""Options of jobs on a Ray cluster."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from posedeploy.errors import InputError

if TYPE_CHECKING:
    from posedeploy.scaling.ray_settings import RaySettings

PANEL = "On a Ray cluster"
LOCAL = "local"
"""The address of ``--ray`` without a value: start Ray on this machine."""
_ADDRESS = re.compile(r"\S+:\d+|ray://\S*|auto|local")

Ray: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="HOST:PORT",
        help="Run on a Ray cluster; without an address, on the cores of this machine (docs/scaling.md).",
        rich_help_panel=PANEL,
    ),
]
Resume: TypeAlias = Annotated[
    bool,
    typer.Option("--resume", help="Continue the job in the output folder.", rich_help_panel=PANEL),
]
ShardSize: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Images in each shard; for a video, the minimum number of frames in each.",
        show_default="256",
        rich_help_panel=PANEL,
    ),
]
Workers: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Worker processes, each with its own model.",
        show_default="as many as fit on the cluster",
        rich_help_panel=PANEL,
    ),
]
On: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LABEL",
        help="With --ray, measure on a node of this kind: cpu, cuda, or a custom resource or label of the "
        "cluster. Repeatable.",
        show_default="cpu",
        rich_help_panel=PANEL,
    ),
]
PosesJson: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--poses-json", help="Also write poses.json; it is always written for a video.", rich_help_panel=PANEL
    ),
]


def to_settings(ray: str | None, **options: int | None) -> RaySettings | None:
    """Return the settings of a job; None without ``--ray``.

    Args:
        options: the fields of ``RaySettings`` besides the address.

    Raises:
        InputError: an option for jobs is set without ``--ray``, or a number is too small.
    """
    used = {name: value for name, value in options.items() if value is not None and value is not False}
    if ray is not None:
        from posedeploy.scaling.ray_settings import RaySettings

        return RaySettings(address=ray, **used)  # type: ignore[arg-type]
    for name in used:
        raise InputError(f"`{name}`: only for jobs on a Ray cluster; add `ray`, or leave it out")
    return None


def check_on(ray: str | None, on: Sequence[str] | None) -> None:
    """Check that kinds of nodes are chosen only with ``--ray``.

    Raises:
        InputError: they are chosen without it.
    """
    if on and ray is None:
        raise InputError(f"`on={on[0]}`: chooses nodes of a Ray cluster; add `ray`, or leave it out")


def complete_ray(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with ``local`` after each ``--ray`` that no address follows."""
    completed: list[str] = []
    end = arguments.index("--") if "--" in arguments else len(arguments)
    for number, argument in enumerate(arguments):
        completed.append(argument)
        following = arguments[number + 1] if number + 1 < end else ""
        if argument == "--ray" and number < end and _ADDRESS.fullmatch(following) is None:
            completed.append(LOCAL)
    return completed
