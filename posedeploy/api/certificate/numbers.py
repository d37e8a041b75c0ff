"""The changes of numbers between two comparisons of the same artifact, in shares of their limits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from posedeploy.benchmarks.budget import DEPTH_FACTOR
from posedeploy.benchmarks.keypoints import MAX_LOST_SHARE

NOT_COMPARED = frozenset(
    {"label", "model_sha256", "runtime_info", "reference", "input_specs", "output_specs"}
)
"""Fields of a result that describe what ran, and are compared in another way or not at all."""
POSE_LIMITS = (("error_px", "px"), ("error_mm", "mm"), ("error_vertices_mm", "mm"))
"""The errors of ``poses`` with the field of ``tolerance`` that limits them."""
PAIRED_LIMITS = (("px", "px"), ("joint_mm", "mm"), ("depth_mm", "mm"), ("vertex_mm", "mm"))
"""The measures of ``paired`` with the field of ``budget`` that limits them."""


@dataclass(frozen=True)
class LimitedNumber:
    """A number that decides about a verdict, and its limit; None stands for infinity or NaN."""

    name: str
    value: float | None
    limit: float | None


@dataclass(frozen=True)
class Change:
    """A number that differs between a certificate and now.

    share: the change divided by the limit of the number, the smaller one if it changed too; None without a
    limit.
    """

    name: str
    recorded: Any
    now: Any
    share: float | None = None


def list_limited(result: Mapping[str, Any]) -> list[LimitedNumber]:
    """Return the numbers of a result of ``parity --json`` that decide about its verdict."""
    budget = result.get("budget")
    if isinstance(budget, Mapping) and isinstance(result.get("paired"), Mapping):
        return list(_list_budget_numbers(budget, result["paired"]))
    numbers = []
    for output in _list_objects(result.get("outputs")):
        for kind in ("max_relative", "rms_relative"):
            name = f"{output.get('name')}: {kind}"
            numbers.append(
                LimitedNumber(name, _get_number(output, kind), _get_number(output, f"{kind}_tolerance"))
            )
    poses, tolerance = result.get("poses"), result.get("tolerance")
    if isinstance(poses, Mapping) and isinstance(tolerance, Mapping):
        numbers.append(
            LimitedNumber("poses: share of missed and extra people", _get_lost_share(poses), MAX_LOST_SHARE)
        )
        numbers += [
            LimitedNumber(f"poses: {name}", _get_number(poses, name), _get_number(tolerance, unit))
            for name, unit in POSE_LIMITS
            if name in poses
        ]
    return numbers


def _get_lost_share(poses: Mapping[str, Any]) -> float | None:
    """Return the share of all people that only one of the models finds."""
    people, missed, extra = (_get_number(poses, name) for name in ("people", "missed", "extra"))
    if people is None or missed is None or extra is None:
        return None
    return (missed + extra) / max(people + missed + extra, 1.0)


def _list_budget_numbers(budget: Mapping[str, Any], paired: Mapping[str, Any]) -> Iterator[LimitedNumber]:
    unmatched = _get_number(budget, "unmatched_percent")
    if unmatched is not None:
        yield LimitedNumber("poses: unmatched_share", _get_number(paired, "unmatched_share"), unmatched / 100)
    measures = paired.get("measures")
    measures = measures if isinstance(measures, Mapping) else {}
    if unmatched is not None and _get_number(budget, "mm") is not None:
        share = _get_uncompared_share(paired, measures.get("joint_mm"))
        yield LimitedNumber("poses: share of 3D joints not compared", share, unmatched / 100)
    for name, unit in PAIRED_LIMITS:
        limit, summary = _get_number(budget, unit), measures.get(name)
        if limit is not None and isinstance(summary, Mapping):
            is_default = unit in (budget.get("defaults") or ())
            factor = DEPTH_FACTOR if name == "depth_mm" and is_default else 1.0
            yield LimitedNumber(f"poses: {name} at the 95th percentile", _get_p95(summary), factor * limit)
    oks, summary = _get_number(budget, "oks"), measures.get("oks")
    if oks is not None and isinstance(summary, Mapping):
        yield LimitedNumber("poses: oks at the 95th percentile", _get_p95(summary), max(1 - oks, 1e-3))


def _get_uncompared_share(paired: Mapping[str, Any], joints: Any) -> float:
    """Return the share that ``PoseComparison.uncompared_share`` is; ``joints``: their summary, if any."""
    lost = _get_number(paired, "uncompared_joints") or 0.0
    compared = _get_number(joints, "count") if isinstance(joints, Mapping) else None
    return lost / max(lost + (compared or 0.0), 1.0)


def _get_p95(summary: Mapping[str, Any]) -> float | None:
    shown = summary.get("p95")
    return _get_number(shown, "value") if isinstance(shown, Mapping) else None


def _get_number(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer with more than 300 digits
        return None


def _list_objects(values: Any) -> list[Mapping[str, Any]]:
    return [each for each in values if isinstance(each, Mapping)] if isinstance(values, list) else []


def compare_limited(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Return every number that decides about the verdict, with its change in shares of its limit, the smaller
    one if the limits differ.

    The share is infinite if only one of the two is a number, or if only one of the results has the number.
    """
    before = {each.name: each for each in list_limited(recorded)}
    after = {each.name: each for each in list_limited(now)}
    return [
        _compare_numbers(name, before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after])
    ]


def _compare_numbers(name: str, before: LimitedNumber | None, after: LimitedNumber | None) -> Change:
    old, new = (each.value if each is not None else None for each in (before, after))
    if before is None or after is None or (old is None) != (new is None):
        return Change(name, old, new, math.inf)
    limit = min((each.limit for each in (before, after) if each.limit is not None), default=0.0)
    difference = abs(new - old) if old is not None and new is not None else 0.0
    if not difference:
        return Change(name, old, new, 0.0)
    return Change(name, old, new, difference / limit if limit > 0 else math.inf)


def list_changes(recorded: Any, now: Any, path: str = "") -> Iterator[Change]:
    """Yield each value that differs between two JSON values, with its path; fields of ``NOT_COMPARED`` are
    skipped, also those that exist on one side only."""
    if isinstance(recorded, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys([*recorded, *now]):
            if name not in NOT_COMPARED:
                inner = f"{path}.{name}" if path else str(name)
                yield from list_changes(recorded.get(name), now.get(name), inner)
    elif isinstance(recorded, list) and isinstance(now, list):
        for index, (old, new) in enumerate(zip_longest(recorded, now)):
            yield from list_changes(old, new, f"{path}[{index}]")
    elif recorded != now:
        yield Change(path, recorded, now)


def count_numbers(value: Any) -> int:
    """Return the number of numbers in a JSON value, without fields of ``NOT_COMPARED``."""
    if isinstance(value, Mapping):
        return sum(count_numbers(each) for name, each in value.items() if name not in NOT_COMPARED)
    if isinstance(value, list):
        return sum(map(count_numbers, value))
    return int(isinstance(value, int | float) and not isinstance(value, bool))
