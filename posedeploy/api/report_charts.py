"""The charts of a group of deployments: latency against error, medians with intervals, and stages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Generic, NamedTuple, TypeVar

from posedeploy.api.joined_results import Deployment, Group
from posedeploy.api.parity_document import ParityRow
from posedeploy.pages.bars import Bar, BarChart, Part, draw_bars
from posedeploy.pages.scatter import Point, Scatter, draw_scatter, select_best

Chart = TypeVar("Chart")
WIDE_PX, NARROW_PX = 900.0, 360.0
"""The widths of a chart: on a screen or paper, and on a phone."""
MIN_OMITTED_PREFIX = 6
"""The shortest common prefix, in characters, that charts omit from names."""
PRECISIONS = ("int4", "int8", "int16", "bf16", "fp16", "tf32", "fp32")
"""Colored precisions. A deployment with several has the color of the first."""


class Measure(NamedTuple):
    """An error for the vertical axis: its heading, its unit, and how to get it and its limit."""

    heading: str
    unit: str
    error: Callable[[ParityRow], float | None]
    limit: Callable[[ParityRow], float | None]


def _of_poses(heading: str, unit: str, measure: str) -> Measure:
    return Measure(
        heading,
        unit,
        lambda row: row.p95(measure),
        lambda row: getattr(row.budget, unit) if row.budget is not None else None,
    )


POSE_MEASURES = (
    _of_poses("Keypoint error, 95th percentile", "px", "px"),
    _of_poses("3D joint error, 95th percentile", "mm", "joint_mm"),
    _of_poses("Vertex error, 95th percentile", "mm", "vertex_mm"),
)
OUTPUT_MEASURE = Measure(
    "Largest difference of an output",
    "of its largest value",
    lambda row: row.max_relative,
    lambda row: None,
)
"""The measure if no poses were compared."""


@dataclass(frozen=True)
class Sized(Generic[Chart]):
    """A chart for wide and for narrow screens."""

    wide: Chart
    narrow: Chart


@dataclass(frozen=True, kw_only=True)
class ErrorChart:
    """Latency against one error. left_out: deployments whose error is unknown. best: numbers."""

    measure: Measure
    chart: Sized[Scatter]
    best: tuple[int, ...]
    left_out: tuple[Deployment, ...]


@dataclass(frozen=True, kw_only=True)
class GroupCharts:
    """A group with its charts. stages: None if they were not timed. kinds: the colored precisions in use."""

    group: Group
    errors: tuple[ErrorChart, ...]
    medians: Sized[BarChart]
    stages: Sized[BarChart] | None
    kinds: tuple[str, ...]


def draw_group(group: Group) -> GroupCharts:
    """Draw the charts of a group."""
    names = shorten_names(group.deployments)
    errors = [chart for measure in POSE_MEASURES if (chart := _draw_errors(group, measure, names))]
    if not errors and (chart := _draw_errors(group, OUTPUT_MEASURE, names)):
        errors.append(chart)
    staged = [each for each in group.deployments if each.latency.decode_times_s]
    return GroupCharts(
        group=group,
        errors=tuple(errors),
        medians=_draw_bars([_median_bar(each, names) for each in group.deployments]),
        stages=_draw_bars([_stage_bar(each, names) for each in staged]) if staged else None,
        kinds=tuple(dict.fromkeys(precision_class(each) for each in group.deployments)),
    )


def shorten_names(deployments: Sequence[Deployment]) -> Mapping[int, str]:
    """Return the names in charts by number: PyTorch, and the labels, which are made distinct.

    Equal labels get the names of their files. Others lose a common prefix if something of each is left.
    """
    labels = {each.number: each.latency.label for each in deployments if not each.timed.is_reference}
    counts = Counter(labels.values())
    if max(counts.values(), default=1) > 1:
        files = {each.number: each.timed.file for each in deployments}
        labels = {
            number: f"{label} ({files[number]})" if counts[label] > 1 else label
            for number, label in labels.items()
        }
    else:
        alike = takewhile(lambda column: len({*column}) == 1, zip(*labels.values(), strict=False))
        length = len([*alike]) if len(labels) > 1 else 0
        if MIN_OMITTED_PREFIX < length < min(map(len, labels.values())):
            labels = {number: f"\N{HORIZONTAL ELLIPSIS}{label[length:]}" for number, label in labels.items()}
    return labels | {each.number: "PyTorch" for each in deployments if each.timed.is_reference}


def precision_class(deployment: Deployment) -> str:
    """Return the precision that colors a deployment."""
    parts = deployment.latency.runtime_info.precision.split("+")
    return next((precision for precision in PRECISIONS if precision in parts), "other")


def _draw_errors(group: Group, measure: Measure, names: Mapping[int, str]) -> ErrorChart | None:
    """Return the chart, or None if no error is known."""
    compared = [(each.number, each.parity) for each in group.deployments if each.parity is not None]
    errors = {number: measure.error(parity) for number, parity in compared}
    known = {number: error for number, error in errors.items() if error is not None and math.isfinite(error)}
    if not known:
        return None
    points = [
        _point(each, 0.0 if each.timed.is_reference else known[each.number], names)
        for each in group.deployments
        if each.timed.is_reference or each.number in known
    ]
    limits = {measure.limit(parity) for _, parity in compared} - {None}
    limit = limits.pop() if len(limits) == 1 else None
    return ErrorChart(
        measure=measure,
        chart=Sized(
            draw_scatter(points, WIDE_PX, 400, limit),
            draw_scatter(points, NARROW_PX, 300, limit, labels=False),
        ),
        best=tuple(point.number for point in select_best(points)),
        left_out=tuple(
            each for each in group.deployments if not each.timed.is_reference and each.number not in known
        ),
    )


def _point(deployment: Deployment, error: float, names: Mapping[int, str]) -> Point:
    row = deployment.latency
    low, high = row.median_interval_ms or (row.median_ms, row.median_ms)
    return Point(
        number=deployment.number,
        name=names[deployment.number],
        kind=precision_class(deployment),
        latency=row.median_ms,
        error=error,
        low=low,
        high=high,
        is_reference=deployment.timed.is_reference,
    )


def _median_bar(deployment: Deployment, names: Mapping[int, str]) -> Bar:
    row = deployment.latency
    low, high = row.median_interval_ms or (row.median_ms, row.median_ms)
    return Bar(
        number=deployment.number,
        name=names[deployment.number],
        kind=precision_class(deployment),
        value=row.median_ms,
        low=low,
        high=high,
        p90=row.percentile_ms(90),
    )


def _stage_bar(deployment: Deployment, names: Mapping[int, str]) -> Bar:
    row = deployment.latency
    total = row.end_to_end_ms or 0.0
    low, high = row.end_to_end_interval_ms or (total, total)
    stages = (("preprocess", row.preprocess_ms), ("network", row.median_ms), ("decode", row.decode_ms))
    return Bar(
        number=deployment.number,
        name=names[deployment.number],
        kind=precision_class(deployment),
        value=total,
        low=low,
        high=high,
        parts=tuple(Part(kind, value or 0.0) for kind, value in stages),
    )


def _draw_bars(bars: Sequence[Bar]) -> Sized[BarChart]:
    return Sized(draw_bars(bars, WIDE_PX, 250), draw_bars(bars, NARROW_PX, 40))
