"""Numbers as pages show them; a dash for a missing or undefined number."""

from __future__ import annotations

import math
from collections.abc import Callable

from markupsafe import Markup, escape

from posedeploy.printable import printable

NONE = "\N{EN DASH}"


def milliseconds(value: float | None) -> str:
    """Format a time in ms, with three digits from 1 ms on: ``12.3``."""
    return _format(value, lambda number: f"{number:.{_decimals(number)}f}")


def interval(ends: tuple[float, float] | None) -> str:
    """Format the ends of an interval, with the decimals of the lower one: ``12.1 – 12.6``."""
    if ends is None or not all(map(math.isfinite, ends)):
        return NONE
    decimals = _decimals(ends[0])
    return f"{ends[0]:.{decimals}f}\u202f\N{EN DASH}\u202f{ends[1]:.{decimals}f}"


def ratio(value: float | None) -> str:
    """Format a ratio: ``2.15×``."""
    return _format(value, lambda number: f"{number:.2f}\N{MULTIPLICATION SIGN}")


def error(value: float | None) -> str:
    """Format a difference with three significant digits, and tiny ones as ``< 0.001``."""
    return _format(value, lambda number: f"{number:.3g}" if number == 0 or number >= 1e-3 else "< 0.001")


def error_in_text(value: float | None) -> str:
    """Format a difference for a sentence: tiny ones as ``below 0.001``."""
    return error(value).replace("< ", "below ")


def percent(share: float | None) -> str:
    """Format a share from 0 to 1 in percent: ``1.4%``."""
    return _format(share, lambda number: f"{100 * number:{'.3g' if number < 10 else '.0f'}}%")


def scientific(value: float | None) -> str:
    """Format a number over many magnitudes: ``1.2e-05``."""
    return _format(value, lambda number: f"{number:.1e}")


def commands(text: str) -> Markup:
    """Return escaped text, with what stands in backticks as code."""
    text = printable(text)
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without a partner
        return escape(text)
    shown = (Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
             for place, part in enumerate(parts))  # fmt: skip
    return Markup("").join(shown)


def file_size(count: float | None) -> str:
    """Format a number of bytes in kB, MB or GB."""

    def scaled(number: float) -> str:
        unit, scale = next((unit, scale) for unit, scale in _UNITS if number >= scale or scale == 1e3)
        return f"{number / scale:.3g}\u202f{unit}"

    return _format(count, scaled)


_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def _format(value: float | None, text: Callable[[float], str]) -> str:
    return text(value) if value is not None and math.isfinite(value) else NONE


def _decimals(value: float) -> int:
    return 0 if value >= 100 else 1 if value >= 10 else 2
