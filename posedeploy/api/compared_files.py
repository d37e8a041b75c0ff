"""The files and arguments of a comparison, for a certificate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias

from posedeploy.api.readable_images import list_files
from posedeploy.errors import PoseDeployError
from posedeploy.file_states import FileState, state_of
from posedeploy.presets import is_preset, preset_path
from posedeploy.types import Artifact

Role: TypeAlias = Literal[
    "artifact", "image", "checkpoint", "network", "network_contract", "contract", "mesh", "reference",
    "collected_outputs",
]  # fmt: skip
FILE_ARGUMENTS: tuple[Role, ...] = (
    "checkpoint", "network", "contract", "mesh", "reference", "collected_outputs",
)  # fmt: skip
"""The arguments of a comparison that name a file."""
NOT_RECORDED = frozenset(
    {"artifacts", "model_args", "on_progress", "save_reference", "against", "against_contract"}
)
"""The arguments that do not change the result, or are recorded in another way."""


@dataclass(frozen=True)
class InputFile:
    """A file of a comparison, with its state before it was read. name: the name that results use for it."""

    role: Role
    path: Path
    state: FileState
    name: str = ""


@dataclass(frozen=True)
class Comparison:
    """What was compared, and how.

    arguments: those of ``compare``, without the artifacts. files: the files that they name, and the images.
    """

    arguments: Mapping[str, Any]
    files: tuple[InputFile, ...]
    artifacts: tuple[Artifact, ...] = field(default=(), repr=False)


def record_inputs(images: Sequence[Path], arguments: Mapping[str, Any]) -> Comparison:
    """Return the arguments as plain values, and the states of the files that they name.

    A file that cannot be examined is left out; the comparison reports it.
    """
    plain = {
        name: str(value) if isinstance(value, PathLike) else value
        for name, value in arguments.items()
        if name not in NOT_RECORDED
    } | {"images": [*map(str, images)] or None}
    named = [(role, path, "") for role, path in _list_named(plain)]
    return Comparison(plain, (*_examine(named), *_examine(_list_images(images))))


def _list_named(arguments: Mapping[str, Any]) -> Iterator[tuple[Role, Path]]:
    """Yield the files that the arguments name, the TOML file of a network, and the file of a preset."""
    for role in FILE_ARGUMENTS:
        if arguments.get(role) is None:
            continue
        path = file_of(role, arguments[role])
        yield role, preset_path(str(path)) if role == "contract" and is_preset(path) else path
        if role == "network":
            yield "network_contract", contract_of(path)


def contract_of(network: Path) -> Path:
    """Return the TOML file that describes the network in a Python file."""
    return network.with_suffix(".toml")


def file_of(argument: str, value: str) -> Path:
    """Return the path of the file that an argument names: without the function of a ``network``."""
    return Path(value.rpartition(":")[0] or value) if argument == "network" else Path(value)


def function_of(argument: str, value: str) -> str:
    """Return the part of an argument after the path: the function of a ``network``, with its colon."""
    file, colon, function = value.rpartition(":")
    return colon + function if argument == "network" and file else ""


def _list_images(images: Sequence[Path]) -> list[tuple[Role, Path, str]]:
    try:
        return [("image", path, name) for name, path in list_files(images)]
    except PoseDeployError:
        return []


def _examine(files: list[tuple[Role, Path, str]]) -> Iterator[InputFile]:
    for role, path, name in files:
        try:
            if path.is_file():
                yield InputFile(role, path, state_of(path), name)
        except (OSError, ValueError):
            continue
