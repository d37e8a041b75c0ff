"""The limits of a recorded and of a repeated comparison, which must be equal unless noise widens them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_NOISE_RATIO = 10.0
"""The largest ratio of two limits that the noise floor widens: it is measured, and other processors and
libraries choose other algorithms."""
WIDENED_UNLESS_SET: Mapping[str, str] = {"px": "max_px", "mm": "max_mm"}
"""The tolerances of poses that the noise floor widens, with the arguments that prevent it."""
OUTPUT_LIMITS = ("max_relative_tolerance", "rms_relative_tolerance")


@dataclass(frozen=True)
class LimitChange:
    """A limit that differs. is_noise: the noise floor explains the difference."""

    name: str
    recorded: Any
    now: Any
    is_noise: bool


def list_limit_changes(
    recorded: Mapping[str, Any], now: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Iterator[LimitChange]:
    """Yield the limits that differ between two results of the same artifact.

    Args:
        arguments: of the comparison; a tolerance that the user set is not widened.
    """
    before, after = _list_limits(recorded), _list_limits(now)
    is_measured = recorded.get("noise_floor") is not None or now.get("noise_floor") is not None
    widened = {
        f"tolerance {name}" for name, option in WIDENED_UNLESS_SET.items() if not _is_set(arguments, option)
    }
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if _are_equal(old, new):
            continue
        can_widen = name in widened or (name.endswith(OUTPUT_LIMITS) and not _is_set(arguments, "rtol"))
        yield LimitChange(name, old, new, is_measured and can_widen and _are_near(old, new))


def _list_limits(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tolerances, the budget, and the limits of each output by name."""
    limits = {
        f"{field} {name}": value
        for field in ("tolerance", "budget")
        if isinstance(values := result.get(field), Mapping)
        for name, value in values.items()
    }
    outputs = result.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        if isinstance(output, Mapping):
            limits |= {f"{output.get('name')}: {name}": output.get(name) for name in OUTPUT_LIMITS}
    return limits


def _is_set(arguments: Mapping[str, Any], name: str) -> bool:
    return arguments.get(name) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_equal(old: Any, new: Any) -> bool:
    if _is_number(old) and _is_number(new):
        return math.isclose(float(old), float(new), rel_tol=1e-9)
    return bool(old == new)


def _are_near(old: Any, new: Any) -> bool:
    if not (_is_number(old) and _is_number(new)):
        return False
    return bool(0 < max(old, new) <= MAX_NOISE_RATIO * min(old, new))
