"""A plot of error against cost, as SVG text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from posedeploy.pages.axes import Axis

WIDTH, HEIGHT = 800, 500
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 70, 60
"""The margins around the plot area, in px."""
LINE_PX, CHARACTER_PX = 15, 6.2
"""The height of a label, and the mean width of a character in it."""
RADIUS_PX = 7
"""The radius of the largest mark."""
COLORS = {"winner": "#b42318", "front": "#1d4ed8", "over budget": "#6b7280", "failed parity": "#b45309"}


@dataclass(frozen=True)
class PlotPoint:
    """A candidate. x: its cost. y: its error in percent of the budget; 0 lies on the lower edge.

    has_failed: whether it did not pass parity.
    """

    label: str
    x: float
    y: float
    is_on_front: bool = False
    is_winner: bool = False
    has_failed: bool = False

    @property
    def kind(self) -> str:
        """The key of its color in ``COLORS``."""
        if self.is_winner:
            return "winner"
        if self.has_failed:
            return "failed parity"
        return "front" if self.y <= 100 else "over budget"

    @property
    def is_filled(self) -> bool:
        """Whether its mark is filled: it is within the budget."""
        return self.y <= 100 and not self.has_failed


def draw_plot(points: Sequence[PlotPoint], title: str, x_title: str, budget: str) -> str:
    """Return an SVG document.

    Args:
        points: with finite coordinates; x above 0.
        budget: what 100% is, such as ``1 px``.
    """
    x, y = _scales(points)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 24, title, size=15, weight="bold"),
        # In the color of its line, but not next to it, where the front can cross the text.
        _text(WIDTH - RIGHT, TOP - 5, f"budget (100%): {budget}", anchor="end", color=COLORS["winner"]),
        *_legend(any(point.has_failed for point in points)),
        *_axes(x, y, x_title),
        _front([point for point in points if point.is_on_front], x, y),
        *(_mark(point, x, y) for point in points),
        *_labels(points, x, y),
        "</svg>",
    ]
    return "\n".join(filter(None, parts)) + "\n"


def _scales(points: Sequence[PlotPoint]) -> tuple[Axis, Axis]:
    xs = [point.x for point in points] or [1.0]
    ys = [100.0, *(point.y for point in points if point.y > 0)]
    x = Axis(min(xs) / 1.25, max(xs) * 1.25, LEFT, WIDTH - RIGHT, is_log=True)
    low = max(min(ys) / 2, max(ys) * 1e-6)
    return x, Axis(min(low, 10.0), max(ys) * 2, HEIGHT - BOTTOM, TOP, is_log=True)


def _axes(x: Axis, y: Axis, x_title: str) -> Iterator[str]:
    for at, text in x.ticks():
        yield _line(at, TOP, at, HEIGHT - BOTTOM, "#e5e7eb")
        yield _text(at, HEIGHT - BOTTOM + 18, text, anchor="middle")
    for at, text in y.ticks():
        yield _line(LEFT, at, WIDTH - RIGHT, at, "#e5e7eb")
        yield _text(LEFT - 8, at + 4, f"{text}%", anchor="end")
    yield _line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "#111827")
    yield _line(LEFT, TOP, LEFT, HEIGHT - BOTTOM, "#111827")
    yield _line(LEFT, y.at(100), WIDTH - RIGHT, y.at(100), COLORS["winner"], dash="6 4")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x_title, anchor="middle")
    yield (
        f'<text transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2:.1f}) rotate(-90)" text-anchor="middle" '
        'fill="#111827">error, percent of the budget</text>'
    )


def _legend(has_failed: bool) -> Iterator[str]:
    entries = [
        ("winner", "winner", True),
        ("front", "within budget (the line is the Pareto front)", True),
        ("over budget", "over budget", False),
        *([("failed parity", "failed parity", False)] if has_failed else []),
    ]
    at = float(LEFT)
    for kind, text, is_filled in entries:
        yield _circle(at + 5, 46, COLORS[kind], is_filled=is_filled)
        yield _text(at + 15, 50, text)
        at += 30 + CHARACTER_PX * len(text)


def _front(points: Sequence[PlotPoint], x: Axis, y: Axis) -> str:
    """Return the front as a line of steps; '' for fewer than two points."""
    ordered = sorted(points, key=lambda point: point.y)
    if len(ordered) < 2:
        return ""
    path = f"M{x.at(ordered[0].x):.1f} {y.at(ordered[0].y):.1f}"
    for point in ordered[1:]:
        path += f"V{y.at(point.y):.1f}H{x.at(point.x):.1f}"
    return f'<path d="{path}" fill="none" stroke="{COLORS["front"]}" stroke-width="1.5"/>'


def _mark(point: PlotPoint, x: Axis, y: Axis) -> str:
    radius = RADIUS_PX if point.is_winner else 5
    tip = f"{point.label}: {point.x:.4g}, {point.y:.3g}% of the budget" + (
        ", failed parity" if point.has_failed else ""
    )
    at = x.at(point.x), y.at(point.y)
    return _circle(*at, COLORS[point.kind], radius, is_filled=point.is_filled, tip=tip)


def _labels(points: Sequence[PlotPoint], x: Axis, y: Axis) -> Iterator[str]:
    """Yield the labels of the front and the winner, moved up where they would cover each other or a point."""
    placed = [  # left, right, baseline
        (x.at(point.x) - RADIUS_PX, x.at(point.x) + RADIUS_PX, y.at(point.y) + RADIUS_PX / 2)
        for point in points
    ]
    named = [point for point in points if point.is_on_front or point.is_winner]
    for point in sorted(named, key=lambda point: (point.y, point.x)):
        length = CHARACTER_PX * len(point.label)
        left = x.at(point.x) + 11
        if left + length > WIDTH - RIGHT:
            left = x.at(point.x) - 11 - length
        baseline = y.at(point.y) - 8  # above the line of the front
        while any(
            left < right and left + length > start and abs(baseline - other) < LINE_PX
            for start, right, other in placed
        ):
            baseline -= LINE_PX
        placed.append((left, left + length, baseline))
        yield _text(left, baseline, point.label, weight="bold" if point.is_winner else "normal")


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    size: int = 12,
    weight: str = "normal",
    color: str = "#111827",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="{color}" paint-order="stroke" stroke="white" stroke-width="3">{escape(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, color: str, dash: str = "none") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" '
        f'stroke-dasharray="{dash}"/>'
    )


def _circle(x: float, y: float, color: str, radius: int = 5, *, is_filled: bool, tip: str = "") -> str:
    fill = color if is_filled else "white"
    title = f"<title>{escape(tip)}</title>" if tip else ""
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="{color}" stroke-width="2">'
        f"{title}</circle>"
    )
