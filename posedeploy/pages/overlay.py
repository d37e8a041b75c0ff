"""Two overlaid skeletons as SVG, in px of a picture or of a view of 3D positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Side: TypeAlias = Literal["reference", "candidate"]
"""The CSS class of a skeleton: PyTorch, or the artifact."""
Point: TypeAlias = tuple[float, float]
MARGIN = 0.08
"""The margin of a view, relative to its side."""
MIN_ZOOM_PX, ZOOM_SHARE, ZOOM_SPREAD = 16.0, 0.05, 2.0
"""The side of the enlarged part of a picture: at least this, at least this share of its longer side, and at
least this many times the distance of the points that it shows."""


@dataclass(frozen=True)
class Skeleton:
    """One person of one side. joints: the present ones. bones: lines between two joints."""

    side: Side
    joints: tuple[Point, ...]
    bones: tuple[tuple[Point, Point], ...]

    @property
    def bones_path(self) -> str:
        """The bones as an SVG path."""
        return "".join(f"M{a[0]:.2f} {a[1]:.2f}L{b[0]:.2f} {b[1]:.2f}" for a, b in self.bones)

    @property
    def joints_path(self) -> str:
        """The joints as an SVG path of points: with round ends, each is a dot as wide as the line."""
        return "".join(f"M{x:.2f} {y:.2f}h.001" for x, y in self.joints)


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """Skeletons in a box of ``width`` x ``height``.

    title: what it shows. picture: the image behind them as a data URI; empty for none. zoom: left, top and
    side of the part that is enlarged; None without one.
    """

    title: str
    width: float
    height: float
    skeletons: tuple[Skeleton, ...]
    picture: str = ""
    zoom: tuple[float, float, float] | None = None


def build_skeleton(side: Side, points: Sequence[Point | None], bones: Sequence[tuple[int, int]]) -> Skeleton:
    """Return the skeleton of one person.

    Args:
        points: the joints; None for a missing one. bones: pairs of indices; those with a missing joint are
            left out.
    """
    lines = []
    for a, b in bones:
        start, end = (points[each] if each < len(points) else None for each in (a, b))
        if start is not None and end is not None:
            lines.append((start, end))
    return Skeleton(side, tuple(point for point in points if point is not None), tuple(lines))


def zoom_on(points: Sequence[Point], width: float, height: float) -> tuple[float, float, float]:
    """Return left, top and side of a square around the points, as far as possible within the picture."""
    lows, highs = ([pick(axis) for axis in zip(*points, strict=True)] for pick in (min, max))
    spread = max(high - low for low, high in zip(lows, highs, strict=True))
    side = min(max(MIN_ZOOM_PX, ZOOM_SHARE * max(width, height), ZOOM_SPREAD * spread), width, height)
    left, top = (
        min(max((low + high - side) / 2, 0.0), length - side)
        for low, high, length in zip(lows, highs, (width, height), strict=True)
    )
    return left, top, side


def fit_view(title: str, skeletons: Sequence[Skeleton], size: float) -> Overlay | None:
    """Return skeletons in any unit, scaled to a square with this side in px; None without joints."""
    points = [point for skeleton in skeletons for point in skeleton.joints]
    if not points:
        return None
    lows = [min(point[axis] for point in points) for axis in (0, 1)]
    highs = [max(point[axis] for point in points) for axis in (0, 1)]
    scale = size * (1 - 2 * MARGIN) / (max(highs[0] - lows[0], highs[1] - lows[1]) or 1.0)

    def move(point: Point) -> Point:
        x, y = (
            size / 2 + scale * (value - (low + high) / 2)
            for value, low, high in zip(point, lows, highs, strict=True)
        )
        return x, y

    moved = tuple(
        Skeleton(each.side, tuple(map(move, each.joints)), tuple((move(a), move(b)) for a, b in each.bones))
        for each in skeletons
    )
    return Overlay(title=title, width=size, height=size, skeletons=moved)
