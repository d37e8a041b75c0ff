"""Make external text, such as file names, safe for terminals and JSON."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""The Unicode categories that control a terminal, end a line, reorder text or cannot be encoded."""
JOINERS = "\u200c\u200d"
"""Format characters that Persian, Indic scripts and emoji need."""
MAX_LISTED, MAX_NAME = 12, 200
MAX_MESSAGE, MESSAGE_END = 4000, 1000
"""The maximum length of an error message, and of its end with the fix, which is kept."""


def printable(text: str) -> str:
    """Return the text on one line, with ``\\x1b``, ``\\n``, ``\\xe9`` and such for what cannot be shown.

    A byte of a file's name that is not UTF-8, which Python holds as a lone surrogate, becomes ``\\xe9``.
    """
    if text.isprintable():
        return text
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in ESCAPED or character in JOINERS:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return f"\\u{code:04x}"
    return character.encode("unicode_escape").decode()


def shorten(message: str) -> str:
    """Return a message of at most about ``MAX_MESSAGE`` characters, with its middle removed."""
    left_out = len(message) - MAX_MESSAGE
    if left_out <= 0:
        return message
    start, end = message[: MAX_MESSAGE - MESSAGE_END], message[-MESSAGE_END:]
    return f"{start}[... {left_out:,} characters ...]{end}"


def listed(names: Sequence[str], limit: int = MAX_LISTED, count: int | None = None) -> str:
    """Return the first names of a list, and the number of the others.

    Args:
        count: the number of things, where ``names`` are not all of them.
    """
    more = max(len(names), count or 0) - min(len(names), limit)
    return ", ".join(printable(name[:MAX_NAME]) for name in names[:limit]) + (
        f" and {more} more" if more else ""
    )


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number of things, such as ``1 image`` and ``2 images``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
