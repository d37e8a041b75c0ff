"""Convert parameters of the library in messages to options of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_PARAMETER = re.compile(r"`(?P<name>[a-z][a-z0-9_]*)(?:=(?P<value>[^`]*))?`")


_known: set[str] = set()


def learn_options(command: Any) -> None:
    """Register the options of a Typer command and of its subcommands."""
    _known.update(options_of(command))


def options_of(command: Any) -> Iterator[str]:
    """Yield the options of a Typer command and of its subcommands."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for inner in getattr(command, "commands", {}).values():
        yield from options_of(inner)


def with_options(message: str) -> str:
    """Return a message of the library with ``--threads 0`` instead of `` `threads=0` ``.

    Options have the names of the library's parameters; other words in backticks do not change.
    """
    return _PARAMETER.sub(_option, message) if "`" in message else message


def _option(parameter: re.Match[str]) -> str:
    option = "--" + parameter["name"].replace("_", "-")
    if option not in _known:
        return parameter[0]
    return option if parameter["value"] is None else f"{option} {parameter['value']}"
