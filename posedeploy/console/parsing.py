"""Parse the values of options."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypeVar

from posedeploy.errors import InputError
from posedeploy.types import StageCount

Choice = TypeVar("Choice")
SECONDS: Mapping[str, int] = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}
MAX_DIGITS = 9
_DURATION = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>s|m|min|h|)", re.ASCII)


def is_number(text: str) -> bool:
    """Return whether a text is an integer of at least 0, of at most ``MAX_DIGITS`` digits."""
    return text.isdecimal() and len(text) <= MAX_DIGITS


def parse_size(text: str | None, option: str = "--input-size") -> tuple[int, int] | None:
    """Parse a size such as ``256x456`` as (256, 456).

    Raises:
        InputError: the text has another form.
    """
    if text is None:
        return None
    height, cross, width = text.lower().partition("x")
    if not cross or not is_number(height) or not is_number(width):
        raise InputError(f"{option} {text}: expected HEIGHTxWIDTH in pixels, such as 256x456")
    return int(height), int(width)


def parse_duration(text: str, option: str) -> float:
    """Parse a time such as ``90s``, ``10m`` or ``1h``; a number without a unit is in seconds.

    Raises:
        InputError: the text has another form.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    seconds = float(match["number"]) * SECONDS[match["unit"]] if match is not None else 0.0
    if not 0 < seconds < math.inf:
        raise InputError(f"{option} {text}: expected a time above 0, such as 90s, 10m or 1h")
    return seconds


def parse_stages(text: str | None) -> StageCount | None:
    """Parse a number of refinement stages or ``all``.

    Raises:
        InputError: the text is neither.
    """
    if text is None:
        return None
    if text.lower() == "all":
        return "all"
    if not is_number(text):
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
