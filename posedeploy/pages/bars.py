"""Charts with one bar for each deployment: medians with their intervals, and stages from image to poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from posedeploy.pages.axes import Axis, axis_from_zero, axis_of_times

ROW_PX, TOP_PX, BOTTOM_PX, RIGHT_PX = 34.0, 8.0, 46.0, 70.0


class Part(NamedTuple):
    """A part of a bar in ms. kind: a CSS class."""

    kind: str
    milliseconds: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """The time of a deployment in ms.

    number: its number in the table next to the chart. low, high: the ends of its interval. p90: None with too
    few runs. parts: the parts of the time; empty if it is not divided.
    """

    number: int
    name: str
    kind: str
    value: float
    low: float
    high: float
    p90: float | None = None
    parts: tuple[Part, ...] = ()


class Segment(NamedTuple):
    """A part of a bar, in px."""

    part: Part
    left: float
    width: float


class BarRow(NamedTuple):
    """A bar at the height ``y``; positions in px."""

    bar: Bar
    y: float
    at: float
    low: float
    high: float
    p90: float | None
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True)
class BarChart:
    """A chart of ``width`` x ``height`` px, with names left of ``axis.start``."""

    width: float
    height: float
    axis: Axis
    rows: tuple[BarRow, ...]


def draw_bars(bars: Sequence[Bar], width: float, name_width: float) -> BarChart:
    """Place the bars below one another, on an axis from 0 if they have parts, else on ``axis_of_times``."""
    values = [value for bar in bars for value in (bar.low, bar.high, bar.p90 or bar.high)]
    draw_axis = axis_from_zero if any(bar.parts for bar in bars) else axis_of_times
    axis = draw_axis(values, name_width, width - RIGHT_PX)
    rows = tuple(
        BarRow(
            bar,
            TOP_PX + ROW_PX * (number + 0.5),
            axis.at(bar.value),
            axis.at(bar.low),
            axis.at(bar.high),
            None if bar.p90 is None else axis.at(bar.p90),
            _segments(bar, axis),
        )
        for number, bar in enumerate(bars)
    )
    return BarChart(width=width, height=TOP_PX + ROW_PX * len(bars) + BOTTOM_PX, axis=axis, rows=rows)


def _segments(bar: Bar, axis: Axis) -> tuple[Segment, ...]:
    segments, before = [], 0.0
    for part in bar.parts:
        left = axis.at(before)
        before += part.milliseconds
        segments.append(Segment(part, left, max(axis.at(before) - left, 0.5)))
    return tuple(segments)
