"""What a network returns, whatever its author nested it in, as a flat tuple."""

from __future__ import annotations

from typing import Any


def flat(result: Any) -> tuple[Any, ...]:
    """The leaves of any nesting of tuples, lists and dicts, in order; of a lone tensor, a tuple of one."""
    if isinstance(result, dict):
        result = tuple(result.values())
    if isinstance(result, (tuple, list)):
        return tuple(leaf for part in result for leaf in flat(part))
    return (result,)
