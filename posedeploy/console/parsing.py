"""Parse the values of options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from posedeploy.errors import InputError
from posedeploy.types import StageCount

Choice = TypeVar("Choice")


def parse_size(text: str | None, option: str = "--input-size") -> tuple[int, int] | None:
    """Parse a size such as ``256x456`` as (256, 456).

    Raises:
        InputError: the text has another form.
    """
    if text is None:
        return None
    height, cross, width = text.lower().partition("x")
    if not cross or not height.isdecimal() or not width.isdecimal():
        raise InputError(f"{option} {text}: expected HEIGHTxWIDTH in pixels, such as 256x456")
    return int(height), int(width)


def parse_stages(text: str | None) -> StageCount | None:
    """Parse a number of refinement stages or ``all``.

    Raises:
        InputError: the text is neither.
    """
    if text is None:
        return None
    if text.lower() == "all":
        return "all"
    if not text.isdecimal():
        raise InputError(f"--stages {text}: expected a number of refinement stages, such as 1, or all")
    return int(text)


def choose(option: str, text: str, choices: Mapping[str, Choice]) -> Choice:
    """Return the choice with this name.

    Raises:
        InputError: the name is unknown.
    """
    if text not in choices:
        raise InputError(f"{option} {text}: expected {' or '.join(choices)}")
    return choices[text]
