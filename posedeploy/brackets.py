"""The nesting depth and the trailing commas of JSON and TOML, found in linear time without parsing."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Syntax:
    """Patterns of a language.

    tokens: strings, comments, brackets and commas. blank: spaces, line ends and comments.
    """

    tokens: re.Pattern[str]
    blank: re.Pattern[str]


# A string token also matches an unclosed string, so that no character is read twice.
JSON = Syntax(re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"?|[\[\]{},]'), re.compile(r"\s*"))
TOML = Syntax(
    re.compile(
        r'"""[^"\\]*(?:(?:\\.|"{1,2}(?!"))[^"\\]*)*(?:"{3,5})?'
        r"|'''[^']*(?:'{1,2}(?!')[^']*)*(?:'{3,5})?"
        r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"?'
        r"|'[^'\n]*'?"
        r"|\#[^\n]*|[\[\]{},]",
        re.DOTALL,
    ),
    re.compile(r"(?:\s|\#[^\n]*)*"),
)
_REST_OF_LINE = re.compile(r"[^\S\n]*(?:\#[^\n]*)?(?:\n|\Z)")


def nesting_depth(text: str, syntax: Syntax) -> int:
    """Return the maximum nesting depth of lists and objects."""
    depth = deepest = 0
    for token in syntax.tokens.finditer(text):
        depth += _step(token[0])
        deepest = max(deepest, depth)
    return deepest


def blank_trailing_commas(text: str, syntax: Syntax) -> str:
    """Replace by a space each comma before a closing bracket, and each one outside brackets at a line end."""
    depth, start, pieces = 0, 0, []
    for token in syntax.tokens.finditer(text):
        depth += _step(token[0])
        if token[0] != ",":
            continue
        following = syntax.blank.match(text, token.end())
        assert following is not None, "the pattern also matches an empty string"
        is_before_bracket = text[following.end() : following.end() + 1] in ("]", "}")
        if is_before_bracket or (depth == 0 and _REST_OF_LINE.match(text, token.end())):
            pieces += [text[start : token.start()], " "]
            start = token.end()
    return "".join([*pieces, text[start:]])


def _step(token: str) -> int:
    return (token in ("[", "{")) - (token in ("]", "}"))
