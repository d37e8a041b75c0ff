"""Histograms of errors on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from posedeploy.pages.axes import Axis, Tick, axis_from_zero

LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 48.0, 14.0, 16.0, 44.0
GAP_PX = 1.5
TICK_PX = 46.0
"""The least distance of texts at the axis."""
WIDE_PX = 92.0
"""The minimum width of bins whose ends are all labeled, since such a chart has few powers of ten."""


class Column(NamedTuple):
    """A bin in px. text: what it counts."""

    left: float
    top: float
    width: float
    height: float
    text: str
    is_over: bool


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """A chart of ``width`` x ``height`` px. limit: its position and text; None without a limit."""

    width: float
    height: float
    unit: str
    columns: tuple[Column, ...]
    x_ticks: tuple[Tick, ...]
    y_axis: Axis
    limit: Tick | None


def draw_histogram(
    edges: Sequence[float | None],
    counts: Sequence[int],
    unit: str,
    width: float,
    height: float,
    limit: float | None = None,
) -> Histogram | None:
    """Place the bins between ``edges``; None without counts.

    Args:
        edges: the ends of the bins: 0, powers of ten and their square roots, and infinity, which is None.
        limit: the largest error that passes.
    """
    used = [number for number, count in enumerate(counts) if count]
    if not used or len(edges) != len(counts) + 1:
        return None
    first, last = used[0], used[-1]
    if limit is not None and 0 < limit < math.inf:
        last = max(last, _bin_of(edges, limit))
        first = min(first, _bin_of(edges, limit))
    first, last = max(first - 1, 0), min(last + 1, len(counts) - 1)
    step = (width - LEFT_PX - RIGHT_PX) / (last - first + 1)
    y_axis = axis_from_zero([max(counts)], height - BOTTOM_PX, TOP_PX)
    columns = []
    for number in range(first, last + 1):
        top, low = y_axis.at(counts[number]), edges[number] or 0.0
        text = f"{counts[number]} of {_range_text(edges[number], edges[number + 1])} {unit}"
        is_over = limit is not None and low >= limit
        left = LEFT_PX + step * (number - first) + GAP_PX / 2
        columns.append(Column(left, top, step - GAP_PX, y_axis.start - top, text, is_over))
    decades = max(1, math.ceil(TICK_PX / (2 * step)))
    ticks = [
        Tick(LEFT_PX + step * (number - first), _tick_text(edge))
        for number, edge in enumerate(edges)
        if first < number <= last and edge is not None and edge > 0
        if step >= WIDE_PX or _is_multiple(edge, decades)
    ]
    return Histogram(
        width=width,
        height=height,
        unit=unit,
        columns=tuple(columns),
        x_ticks=tuple(ticks),
        y_axis=y_axis,
        limit=_limit_tick(edges, limit, first, last, step),
    )


def _bin_of(edges: Sequence[float | None], value: float) -> int:
    inner = edges[1:-1]
    return sum(1 for edge in inner if edge is not None and edge <= value)


def _limit_tick(
    edges: Sequence[float | None], limit: float | None, first: int, last: int, step: float
) -> Tick | None:
    """Return the position of the limit within its bin, on the logarithmic scale."""
    if limit is None or not 0 < limit < math.inf:
        return None
    number = _bin_of(edges, limit)
    low, high = edges[number], edges[number + 1]
    share = math.log(limit / low) / math.log(high / low) if low and high else 0.5
    return Tick(LEFT_PX + step * (number - first + share), f"{limit:g}") if first <= number <= last else None


def _is_multiple(value: float, decades: int) -> bool:
    """Return whether a value is 1, or a multiple of this number of decades away from it."""
    power = math.log10(value)
    return abs(power - round(power)) < 1e-6 and round(power) % decades == 0


def _tick_text(value: float) -> str:
    mantissa, power = f"{value:.1e}".split("e")
    return f"{float(f'{value:.2g}'):g}" if value >= 1e-3 else f"{float(mantissa):g}e{int(power)}"


def _range_text(low: float | None, high: float | None) -> str:
    if high is None:
        return f"more than {low or 0:.2g}"
    return f"{low:.2g} to {high:.2g}" if low else f"up to {high:.2g}"
