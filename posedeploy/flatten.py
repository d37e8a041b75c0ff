"""Flatten the nested outputs of a network."""

from __future__ import annotations

from typing import Any


def flat(result: Any) -> tuple[Any, ...]:
    """Return the leaves of nested tuples, lists and dicts, in order; for a single tensor, a tuple of one."""
    if isinstance(result, dict):
        result = tuple(result.values())
    if isinstance(result, (tuple, list)):
        return tuple(leaf for part in result for leaf in flat(part))
    return (result,)
