"""The values of closed sets in annotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args


def list_values(kind: Any) -> Iterator[str]:
    """Yield the strings in a type such as ``tuple[Literal["a", "b"], ...] | None``."""
    if isinstance(kind, str):
        yield kind
    for part in get_args(kind):
        yield from list_values(part)
