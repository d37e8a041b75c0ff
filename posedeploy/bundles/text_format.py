"""The text format of protobuf, in which Triton's configs are written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias


class Symbol(str):
    """The name of a value of an enum, which has no quotes."""


Value: TypeAlias = "str | int | bool | Message | Sequence[int] | Sequence[Message]"
Message: TypeAlias = "Mapping[str, Value]"


def to_text(message: Message, indent: str = "") -> str:
    """Return a message in the text format, with one field in each line.

    Lists of numbers are written in one line; each message of a list becomes a field.
    """
    return "".join(line for name, value in message.items() for line in _lines(name, value, indent))


def _lines(name: str, value: Value, indent: str) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{indent}{name} {{\n", to_text(value, f"{indent}  "), f"{indent}}}\n"]
    if isinstance(value, str | int):
        return [f"{indent}{name}: {_scalar(value)}\n"]
    if any(isinstance(item, Mapping) for item in value):
        return [line for item in value for line in _lines(name, item, indent)]
    return [f"{indent}{name}: [{', '.join(map(str, value))}]\n"]


def _scalar(value: str | int) -> str:
    if isinstance(value, Symbol):
        return str(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)
