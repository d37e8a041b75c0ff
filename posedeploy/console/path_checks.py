"""Commands that take no path which would hang them, or mean another place than the user thinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

from posedeploy.errors import InputError, OutputError
from posedeploy.input_files import not_regular
from posedeploy.staging.recovery import recover

Function = TypeVar("Function", bound=Callable[..., Any])


class GuardedCommand(TyperCommand):
    """A command that refuses named pipes, sockets and devices for every path that it takes, before it
    begins: to read one may never end, and to write to one would replace it."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, on files of which an ended run has left nothing half-replaced."""
        folders = set()
        for param in self.params:
            for path in _paths(ctx.params.get(param.name or "")):
                _check(path, _shown(param))
                folders.add(path.parent)
        for folder in folders:
            with suppress(OutputError):  # which is raised again where the files of a set are read or written
                recover(folder)
        return super().invoke(ctx)


class CommandGroup(typer.Typer):
    """A group whose commands are guarded."""

    def command(self, *arguments: Any, **options: Any) -> Callable[[Function], Function]:
        """As of ``typer.Typer``."""
        return super().command(*arguments, **{"cls": GuardedCommand, **options})


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuse an empty argument, as an unset variable of the shell leaves it: a path would be the current
    folder.

    Raises:
        InputError: one is empty.
    """
    for number, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if argument and not (option.startswith("--") and equals and not value):
            continue
        before = arguments[number - 1] if number and arguments[number - 1].startswith("-") else None
        where = option or before or f"argument {number + 1}"
        raise InputError(f"{where}: the value is empty, as an unset variable leaves it; give a value")


def _paths(value: object) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item)


def _check(path: Path, option: str) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError):  # what opens or makes it says why
        return
    kind = not_regular(status)
    if kind is not None and not path.is_dir():
        raise InputError(f"{option}{path}: {kind}; name a regular file")


def _shown(param: Any) -> str:
    """The longest spelling of an option with a space; nothing for an argument."""
    return max(param.opts, key=len) + " " if param.param_type_name == "option" else ""
