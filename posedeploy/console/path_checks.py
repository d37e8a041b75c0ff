"""Checks of the paths and arguments of commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

from posedeploy.errors import InputError, OutputError
from posedeploy.input_files import describe_special_file
from posedeploy.staging.recovery import recover

Function = TypeVar("Function", bound=Callable[..., Any])


class GuardedCommand(TyperCommand):
    """A command that rejects pipes, sockets and devices, because reading one may hang."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, after completing replacements of files that a killed run left."""
        folders = set()
        for param in self.params:
            for path in _paths(ctx.params.get(param.name or "")):
                _check(path, _format_option(param))
                folders.add(path.parent)
        for folder in folders:
            with suppress(OutputError):  # raised again where the files are read or written
                recover(folder)
        return super().invoke(ctx)


class CommandGroup(typer.Typer):
    """A group of ``GuardedCommand``."""

    def command(self, *arguments: Any, **options: Any) -> Callable[[Function], Function]:
        """Add a command, as ``typer.Typer`` does."""
        return super().command(*arguments, **{"cls": GuardedCommand, **options})


def check_arguments(arguments: Sequence[str]) -> None:
    """Check that no argument is empty, because an empty path would mean the current folder.

    Raises:
        InputError: an argument is empty.
    """
    for number, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if argument and not (option.startswith("--") and equals and not value):
            continue
        before = arguments[number - 1] if number and arguments[number - 1].startswith("-") else None
        name = option or before or f"argument {number + 1}"
        raise InputError(f"{name}: the value is empty, perhaps from an unset variable; pass a value")


def _paths(value: object) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item)


def _check(path: Path, option: str) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError):  # reported where the file is opened or created
        return
    kind = describe_special_file(status)
    if kind is not None and not path.is_dir():
        raise InputError(f"{option}{path}: {kind}; expected a regular file")


def _format_option(param: Any) -> str:
    """Return the longest spelling of an option with a space; '' for an argument."""
    return max(param.opts, key=len) + " " if param.param_type_name == "option" else ""
