"""The chart of latency against error, with the deployments that no other one beats in both."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from posedeploy.pages.axes import Axis, Tick, axis_from_zero, axis_of_times
from posedeploy.pareto import find_front

Anchor: TypeAlias = Literal["start", "middle", "end"]
CHARACTER_PX, LINE_PX, RADIUS_PX = 6.9, 15.0, 10.0
"""The size of text and of a point."""
MAX_LABEL = 30
"""The longest label in characters."""
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 58.0, 18.0, 14.0, 46.0


@dataclass(frozen=True, kw_only=True)
class Point:
    """A deployment. number: its number in the table next to the chart. low, high: the ends of the interval of
    ``latency``.

    kind: a CSS class, of the precision. is_reference: PyTorch, whose error is 0 by definition.
    """

    number: int
    name: str
    kind: str
    latency: float
    error: float
    low: float
    high: float
    is_reference: bool = False


class Label(NamedTuple):
    """A text at a position in px."""

    x: float
    y: float
    anchor: Anchor
    text: str


class Mark(NamedTuple):
    """A point at a position in px. low, high: the ends of its interval. label: None if there is no room for
    one."""

    point: Point
    x: float
    y: float
    low: float
    high: float
    is_best: bool
    label: Label | None


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """A chart of ``width`` x ``height`` px. front: the positions of the best marks, by latency.

    limit: the position of the largest error that passes; None without one.
    """

    width: float
    height: float
    x_axis: Axis
    y_axis: Axis
    marks: tuple[Mark, ...]
    front: tuple[tuple[float, float], ...]
    limit: Tick | None

    @property
    def steps(self) -> str:
        """The front as an SVG path: each step ends at the next better error."""
        parts = [f"M{x:.1f} {y:.1f}" if not number else f"H{x:.1f}V{y:.1f}"
                 for number, (x, y) in enumerate(self.front)]  # fmt: skip
        return "".join(parts)


def select_best(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other one beats in latency and error, by latency; without PyTorch."""
    by_number = {point.number: point for point in points if not point.is_reference}
    front = find_front({number: (point.error, point.latency) for number, point in by_number.items()})
    return [by_number[number] for number in front]


def draw_scatter(
    points: Sequence[Point], width: float, height: float, limit: float | None = None, *, labels: bool = True
) -> Scatter:
    """Place the points and, with ``labels``, as many names as there is room for."""
    largest = max(point.error for point in points)
    is_limit_shown = limit is not None and limit <= 3 * largest  # else it would flatten the chart
    errors = [largest, *([limit] if is_limit_shown and limit is not None else [])]
    x_axis = axis_of_times([each for point in points for each in (point.low, point.high)],
                           LEFT_PX, width - RIGHT_PX)  # fmt: skip
    y_axis = axis_from_zero(errors, height - BOTTOM_PX, TOP_PX)
    best = select_best(points)
    centers = [(x_axis.at(point.latency), y_axis.at(point.error)) for point in points]
    names = _place_labels(points, centers, width) if labels else [None] * len(points)
    marks = tuple(
        Mark(point, x, y, x_axis.at(point.low), x_axis.at(point.high), point in best, label)
        for point, (x, y), label in zip(points, centers, names, strict=True)
    )
    return Scatter(
        width=width,
        height=height,
        x_axis=x_axis,
        y_axis=y_axis,
        marks=marks,
        front=tuple((x_axis.at(point.latency), y_axis.at(point.error)) for point in best),
        limit=Tick(y_axis.at(limit), f"{limit:g}") if is_limit_shown and limit is not None else None,
    )


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def _place_labels(
    points: Sequence[Point], centers: Sequence[tuple[float, float]], width: float
) -> list[Label | None]:
    """Return a label for each point, where one fits without covering a point or another label."""
    taken = [_Box(x - RADIUS_PX, y - RADIUS_PX, x + RADIUS_PX, y + RADIUS_PX) for x, y in centers]
    labels: list[Label | None] = []
    for point, (x, y) in zip(points, centers, strict=True):
        text = shorten(point.name)
        free = (
            (label, box)
            for label, box in _positions(x, y, text)
            if box.left >= LEFT_PX and box.right <= width - 4 and box.top >= 0
            if not any(box.overlaps(other) for other in taken)
        )
        label, box = next(free, (None, None))
        labels.append(label)
        taken += [box] if box is not None else []
    return labels


def _positions(x: float, y: float, text: str) -> Iterator[tuple[Label, _Box]]:
    """Yield the places next to a point, the preferred ones first."""
    length, gap = CHARACTER_PX * text_width(text), RADIUS_PX + 4
    anchors: tuple[tuple[Anchor, float, float], ...] = (
        ("start", 8, -gap - 4), ("start", gap, 0), ("end", -8, -gap - 4), ("end", -gap, 0),
        ("start", 8, gap + 4), ("end", -8, gap + 4), ("middle", 0, -gap - 20), ("middle", 0, gap + 20),
    )  # fmt: skip
    for anchor, dx, dy in anchors:
        at = x + dx
        left = {"start": at, "middle": at - length / 2, "end": at - length}[anchor]
        top = y + dy - LINE_PX / 2
        yield Label(at, y + dy + 4, anchor, text), _Box(left, top, left + length, top + LINE_PX)


def shorten(name: str) -> str:
    """Return a name of at most ``MAX_LABEL`` characters, with its middle removed."""
    if len(name) <= MAX_LABEL:
        return name
    end = MAX_LABEL // 2
    return f"{name[: MAX_LABEL - end - 1]}\N{HORIZONTAL ELLIPSIS}{name[-end:]}"


def text_width(text: str) -> int:
    """Return the width of a text in columns; wide characters, such as Chinese ones, take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
