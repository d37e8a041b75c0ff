"""Parameters of the library, as the options of the command line."""

from __future__ import annotations

import re

_PARAMETER = re.compile(r"`(?P<name>[a-z][a-z0-9_]*)(?:=(?P<value>[^`]*))?`")


def with_options(message: str) -> str:
    """Return a message of the library with ``--threads 0`` in place of `` `threads=0` ``.

    Options have the names of the library's parameters; a test checks that each name exists.
    """
    return _PARAMETER.sub(_option, message) if "`" in message else message


def _option(parameter: re.Match[str]) -> str:
    option = "--" + parameter["name"].replace("_", "-")
    return option if parameter["value"] is None else f"{option} {parameter['value']}"
