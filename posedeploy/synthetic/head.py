"""The head of a figure: skull, hair, hat and face."""

from __future__ import annotations

import math

import numpy as np

from posedeploy.synthetic.body import HEAD_POINTS, INDEX
from posedeploy.synthetic.canvas import Canvas, capsule, ellipse, outline, shade
from posedeploy.synthetic.figure import Figure
from posedeploy.types import Array

MAX_FACING = {"nose": 0.35, "r_eye": 0.12, "l_eye": 0.12, "r_ear": 0.3, "l_ear": 0.3}
"""The largest ``Figure.facing`` at which a point of the head is visible; beyond it, the head hides it."""
_MIN_FACE_PX = 3.5
"""The smallest vertical semi-axis of a head that has a face."""


def _sphere(count: int) -> Array:
    """Return (count, 3) evenly distributed points on the unit sphere (a Fibonacci lattice)."""
    heights = 1 - (2 * np.arange(count) + 1) / count
    turns = np.arange(count) * (math.pi * (3 - math.sqrt(5)))
    rings = np.sqrt(1 - heights**2)
    return np.stack([rings * np.cos(turns), heights, rings * np.sin(turns)], axis=1).round(9)


_SPHERE = _sphere(220)


class HeadPainter:
    """Draws the head of one figure in two steps: the hair behind it, and the head."""

    def __init__(self, canvas: Canvas, figure: Figure) -> None:
        self._canvas, self._figure = canvas, figure
        self._rotation = figure.skeleton.head
        self._center = figure.point("head")
        self._axes = np.array(figure.physique.head) * figure.scale[INDEX["head"]]
        self._surface = (_SPHERE * self._axes) @ self._rotation.T
        self._is_visible = self._surface[:, 2] < 0
        self.back_depth = figure.depth("head") + 90 * float(self._rotation[2, 2])

    def _project(self, point: tuple[float, float, float]) -> Array:
        """Return (2,) px of a point that is in units of the semi-axes."""
        pixel: Array = (self._rotation @ (np.array(point) * self._axes))[:2] + self._center
        return pixel

    def draw_back(self) -> None:
        """Draw long hair or a bun. ``back_depth`` decides whether it is drawn before or after the head."""
        figure, outfit = self._figure, self._figure.outfit
        if outfit.hair not in ("long", "bun"):
            return
        self._canvas.owner = figure.owner("hair")
        width = float(self._axes[0])
        if outfit.hair == "bun":
            self._canvas.fill(
                ellipse(self._project((0, -0.5, 1.0)), (width * 0.5, width * 0.5)), self._hair_color(0.9)
            )
            return
        top, end = self._project((0, -0.2, 0.45)), self._project((0, 1.5, 0.6))
        self._canvas.fill(capsule(top, end, width * 1.08, width * 0.95), self._hair_color(0.85))

    def draw_front(self) -> None:
        """Draw ears, skull, face and hair."""
        for ear in ("r_ear", "l_ear"):
            if self._figure.facing(ear) >= 0:
                self._draw_ear(ear)
        skull = outline(self._surface[:, :2] + self._center)
        self._canvas.owner = self._figure.owner("head")
        self._canvas.fill(skull, self._figure.outfit.skin)
        if self._axes[1] > _MIN_FACE_PX:
            self._draw_face()
        self._draw_hair()
        for ear in ("r_ear", "l_ear"):
            if self._figure.facing(ear) < 0 and self._figure.outfit.hair not in ("long", "full"):
                self._draw_ear(ear)

    def _hair_color(self, factor: float = 1.0) -> tuple[int, int, int]:
        return shade(self._figure.outfit.hair_color, factor)

    def _draw_ear(self, name: str) -> None:
        self._canvas.owner = self._figure.owner(name)
        size = float(self._axes[1]) * 0.24
        narrow = size * max(0.35, abs(self._figure.facing(name)) * 0.7)
        self._canvas.fill(
            ellipse(self._project(HEAD_POINTS[name]), (narrow, size)), shade(self._figure.outfit.skin, 0.86)
        )

    def _draw_hair(self) -> None:
        outfit = self._figure.outfit
        if outfit.hair == "bald":
            return
        self._canvas.owner = self._figure.owner("hair")
        back = {"short": 0.25, "hat": 0.3}.get(outfit.hair, 0.02)
        low = 0.35 if outfit.hair in ("short", "hat") else 0.75
        behind = (_SPHERE[:, 2] > back) & (_SPHERE[:, 1] < low)
        self._draw_patch(behind, self._hair_color(0.92), 1.05)
        color = outfit.second if outfit.hair == "hat" else self._hair_color()
        self._draw_patch(
            _SPHERE[:, 1] < -0.5 + 0.2 * _SPHERE[:, 2], color, 1.1 if outfit.hair == "hat" else 1.06
        )
        if outfit.hair == "hat" and self._rotation[2, 2] > -0.2:
            brim = [
                self._project((side, -0.52, depth))
                for side, depth in ((-0.9, -0.5), (-0.6, -1.45), (0.6, -1.45), (0.9, -0.5))
            ]
            self._canvas.fill(outline(np.array(brim)), shade(outfit.second, 0.75))

    def _draw_patch(self, where: Array, color: tuple[int, int, int], swell: float) -> None:
        points = self._surface[where & self._is_visible][:, :2]
        if len(points) > 4:
            self._canvas.fill(outline(points * swell + self._center), color)

    def _draw_face(self) -> None:
        canvas, outfit = self._canvas, self._figure.outfit
        size = float(self._axes[1])
        if outfit.beard:
            chin = (_SPHERE[:, 1] > 0.38) & (_SPHERE[:, 2] < 0.1) & self._is_visible
            if chin.sum() > 4:
                canvas.mark(outline(self._surface[chin][:, :2] * 0.98 + self._center), self._hair_color(1.05))
        for name in ("r_eye", "l_eye"):
            self._draw_eye(name, size)
        if self._figure.facing("nose") < MAX_FACING["nose"]:
            bridge, tip = self._project((0, -0.1, -1.0)), self._project(HEAD_POINTS["nose"])
            canvas.fill(capsule(bridge, tip, size * 0.06, size * 0.13), shade(outfit.skin, 0.84))
        corners = [(-0.28, 0.5, -0.85), (0.28, 0.5, -0.85), (0.0, 0.58, -0.9)]
        if (self._rotation @ np.array(corners[2]))[2] < -0.15:
            canvas.mark(outline(np.array([self._project(corner) for corner in corners])), (70, 60, 150))

    def _draw_eye(self, name: str, size: float) -> None:
        facing = self._figure.facing(name)
        if facing > MAX_FACING[name]:
            return
        at, outfit = self._project(HEAD_POINTS[name]), self._figure.outfit
        narrow = size * 0.17 * max(0.3, -facing)
        if outfit.glasses:
            self._canvas.mark(ellipse(at, (narrow * 1.9, size * 0.2)), (30, 30, 30))
        self._canvas.mark(ellipse(at, (narrow, size * 0.1)), (235, 238, 240))
        self._canvas.mark(ellipse(at, (narrow * 0.55, size * 0.09)), (40, 30, 25))
        brow = self._project((HEAD_POINTS[name][0], -0.34, -0.88))
        self._canvas.mark(ellipse(brow, (narrow * 1.2, size * 0.045)), self._hair_color(0.8))
