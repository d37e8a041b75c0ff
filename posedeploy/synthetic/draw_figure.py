"""Draw a figure part by part, the farthest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from posedeploy.synthetic.body import INDEX
from posedeploy.synthetic.canvas import Canvas, capsule, hull, shade
from posedeploy.synthetic.figure import Figure
from posedeploy.synthetic.head import HeadPainter
from posedeploy.synthetic.outfit import Color
from posedeploy.types import Array

Step: TypeAlias = tuple[float, Callable[[], None]]
"""The distance of a part from the camera, in mm, and the function that draws it."""

_OFFSET_MM = {"arm": 70.0, "head": 60.0}
"""Subtracted from the distance of a part, because parts lie on the trunk, not in it."""


def draw_figure(canvas: Canvas, figure: Figure) -> None:
    """Draw a figure on the canvas. The owner of each pixel is the part that it shows."""
    head = HeadPainter(canvas, figure)
    steps: list[Step] = [
        (figure.depth("neck", "r_hip", "l_hip"), lambda: _draw_torso(canvas, figure)),
        (figure.depth("neck", "head") + 20, lambda: _draw_neck(canvas, figure)),
        (figure.depth("head") - _OFFSET_MM["head"], head.draw_front),
        (head.back_depth, head.draw_back),
    ]
    if figure.outfit.skirt:
        thighs = [figure.depth(f"{side}_hip", f"{side}_knee") for side in ("r", "l")]
        steps.append((min(thighs) + 10, lambda: _draw_skirt(canvas, figure)))
    for side in ("r", "l"):
        steps += _arm_steps(canvas, figure, side) + _leg_steps(canvas, figure, side)
    for _, step in sorted(steps, key=lambda step: -step[0]):
        step()


def _arm_steps(canvas: Canvas, figure: Figure, side: str) -> list[Step]:
    shoulder, elbow, wrist, hand = (f"{side}_{name}" for name in ("sho", "elb", "wri", "hand"))
    outfit = figure.outfit

    def upper() -> None:
        canvas.owner = figure.owner(f"{side}_upper_arm")
        _draw_limb(canvas, figure, shoulder, elbow, outfit.top, outfit.sleeve)

    def lower() -> None:
        canvas.owner = figure.owner(f"{side}_forearm")
        direction = figure.point(hand) - figure.point(wrist)
        palm = (
            figure.point(wrist) + direction * 0.25,
            figure.point(wrist) + direction * 0.8,
        )
        sizes = figure.radius(hand, 0.85), figure.radius(hand, 1.05)
        _fill_shaded(canvas, figure, capsule(*palm, *sizes), outfit.skin, sizes[1])
        _draw_limb(canvas, figure, elbow, wrist, outfit.top, outfit.sleeve - 1)

    near = _OFFSET_MM["arm"]
    return [
        (figure.depth(shoulder, elbow) - near * 0.7, upper),
        (figure.depth(elbow, wrist) - near, lower),
    ]


def _leg_steps(canvas: Canvas, figure: Figure, side: str) -> list[Step]:
    hip, knee, ankle, heel, toe = (f"{side}_{name}" for name in ("hip", "knee", "ank", "heel", "toe"))
    outfit = figure.outfit

    def thigh() -> None:
        canvas.owner = figure.owner(f"{side}_thigh")
        _draw_limb(canvas, figure, hip, knee, outfit.bottom, outfit.leg)

    def shin() -> None:
        canvas.owner = figure.owner(f"{side}_shin")
        _draw_limb(canvas, figure, knee, ankle, outfit.bottom, outfit.leg - 1)

    def foot() -> None:
        canvas.owner = figure.owner(f"{side}_foot")
        shoe = hull(
            (figure.point(ankle), figure.point(heel), figure.point(toe)),
            (figure.radius(ankle, 0.9), figure.radius(heel), figure.radius(toe)),
        )
        _fill_shaded(canvas, figure, shoe, outfit.shoes, figure.radius(heel))

    return [
        (figure.depth(hip, knee) + 15, thigh),
        (figure.depth(knee, ankle) + 5, shin),
        (figure.depth(ankle, toe), foot),
    ]


def _draw_limb(canvas: Canvas, figure: Figure, start: str, end: str, cloth: Color, covered: float) -> None:
    """Draw a segment. covered: the fraction from ``start`` on that is in cloth; 1 or more: all."""
    outfit = figure.outfit
    at, to = figure.point(start), figure.point(end)
    radii = figure.radius(start), figure.radius(end)
    if covered < 1:
        _fill_shaded(canvas, figure, capsule(at, to, *radii), outfit.skin, max(radii))
    if covered > 0:
        share = min(1.0, covered)
        until = at + (to - at) * share
        loose = outfit.looseness
        last = (radii[0] + (radii[1] - radii[0]) * share) * loose
        _fill_shaded(canvas, figure, capsule(at, until, radii[0] * loose, last), cloth, last)


def _fill_shaded(canvas: Canvas, figure: Figure, corners: Array, color: Color, width: float) -> None:
    """Fill a part, darker on the side away from the light, with a dark edge if the outfit has one."""
    outfit = figure.outfit
    if width < 1.5 or not outfit.depth:
        canvas.fill(corners, color)
        return
    center = corners.mean(axis=0)
    canvas.fill(corners, shade(color, outfit.edge or 1 - outfit.depth))
    inner = center + (corners - center) * (0.86 if outfit.edge else 0.94)
    canvas.mark(inner, shade(color, 1 - outfit.depth * 0.5))
    lit = center + (corners - center) * 0.72 + (outfit.light * width * 0.22, -width * 0.06)
    canvas.mark(lit, color)


def _draw_torso(canvas: Canvas, figure: Figure) -> None:
    canvas.owner = figure.owner("torso")
    outfit = figure.outfit
    names = ("r_sho", "l_sho", "spine", "r_hip", "l_hip")
    girth = figure.physique.stature * figure.physique.girth * figure.scale[INDEX["spine"]]
    loose = 0.5 + outfit.looseness * 0.5
    waist = girth * 0.068 * loose
    hips = tuple(figure.radius(name, 1.0) for name in ("r_hip", "l_hip"))
    below = (figure.point("r_hip"), figure.point("l_hip"), figure.point("pelvis"))
    _fill_shaded(canvas, figure, hull(below, (*hips, waist * 0.9)), outfit.bottom, waist)
    shoulders = tuple(figure.radius(name, loose) for name in ("r_sho", "l_sho"))
    points = tuple(figure.point(name) for name in names[:3])
    hem = tuple(
        figure.point("spine") + (figure.point(name) - figure.point("spine")) * 0.8 for name in names[3:]
    )
    shirt = hull((*points, *hem), (*shoulders, waist, waist * 0.72, waist * 0.72))
    _fill_shaded(canvas, figure, shirt, outfit.top, waist)
    if waist > 3:
        _draw_pattern(canvas, figure, waist)


def _draw_pattern(canvas: Canvas, figure: Figure, waist: float) -> None:
    outfit = figure.outfit
    top, foot = figure.point("neck"), figure.point("pelvis")
    half = (figure.point("l_sho") - figure.point("r_sho")) * 0.42

    def across(start: float, end: float, left: float, right: float) -> Array:
        return np.array(
            [
                top + (foot - top) * down + half * (side if abs(half).max() > waist else side * 0.8)
                for down, side in ((start, left), (start, right), (end, right), (end, left))
            ]
        )

    if outfit.pattern == "stripes":
        for start in (0.14, 0.34, 0.54, 0.74):
            canvas.mark(across(start, start + 0.09, -1, 1), outfit.second)
    elif outfit.pattern == "bars":
        for side in (-0.7, -0.1, 0.5):
            canvas.mark(across(0.08, 0.8, side, side + 0.22), outfit.second)
    elif outfit.pattern == "open" and figure.skeleton.head[2, 2] > 0:
        canvas.mark(across(0.03, 0.84, -0.22, 0.22), outfit.second)


def _draw_neck(canvas: Canvas, figure: Figure) -> None:
    canvas.owner = figure.owner("neck")
    radius = figure.radius("neck")
    neck = capsule(figure.point("neck"), figure.point("head"), radius * 1.1, radius)
    _fill_shaded(canvas, figure, neck, shade(figure.outfit.skin, 0.9), radius)


def _draw_skirt(canvas: Canvas, figure: Figure) -> None:
    canvas.owner = figure.owner("skirt")
    outfit = figure.outfit
    share = min(outfit.skirt, 1.0)
    hems, radii = [], []
    for side in ("r", "l"):
        hip, knee, ankle = (figure.point(f"{side}_{name}") for name in ("hip", "knee", "ank"))
        hem = hip + (knee - hip) * share
        if outfit.skirt > 1:
            hem = knee + (ankle - knee) * (outfit.skirt - 1)
        hems.append(hem)
        radii.append(figure.radius(f"{side}_hip", 0.9))
    hips = (figure.point("r_hip"), figure.point("l_hip"))
    around = hull((*hips, *hems), (figure.radius("r_hip"), figure.radius("l_hip"), *radii))
    _fill_shaded(canvas, figure, around, outfit.bottom, radii[0])
