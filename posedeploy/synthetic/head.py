"""The head of a figure: skull, hair, hat and face."""

from __future__ import annotations

import math

import numpy as np

from posedeploy.synthetic.body import HEAD_POINTS, INDEX
from posedeploy.synthetic.canvas import Canvas, capsule, ellipse, outline, shaded
from posedeploy.synthetic.figure import Figure
from posedeploy.types import Array

TURNED_AWAY = {"nose": 0.35, "r_eye": 0.12, "l_eye": 0.12, "r_ear": 0.3, "l_ear": 0.3}
"""How far these may face away (as the cosine to the line of sight) before the head itself hides them."""
_FEATURES_PX = 3.5
"""Smaller heads have no face."""


def _sphere(count: int) -> Array:
    """(count, 3) points evenly over a unit sphere (a Fibonacci lattice)."""
    heights = 1 - (2 * np.arange(count) + 1) / count
    turns = np.arange(count) * (math.pi * (3 - math.sqrt(5)))
    rings = np.sqrt(1 - heights**2)
    return np.stack([rings * np.cos(turns), heights, rings * np.sin(turns)], axis=1).round(9)


_SPHERE = _sphere(220)


class HeadPainter:
    """Draws one figure's head, in two steps: what hangs behind it, and the head itself."""

    def __init__(self, canvas: Canvas, figure: Figure) -> None:
        self._canvas, self._figure = canvas, figure
        self._turn = figure.skeleton.head
        self._center = figure.point("head")
        self._axes = np.array(figure.build.head) * figure.scale[INDEX["head"]]
        self._surface = (_SPHERE * self._axes) @ self._turn.T
        self._seen = self._surface[:, 2] < 0
        self.back_depth = figure.depth("head") + 90 * float(self._turn[2, 2])

    def _at(self, place: tuple[float, float, float]) -> Array:
        """(2,) px of a place on the head, in its half axes."""
        moved: Array = (self._turn @ (np.array(place) * self._axes))[:2] + self._center
        return moved

    def back(self) -> None:
        """Long hair and buns hang at the back of the head: they are drawn before it or over it."""
        figure, outfit = self._figure, self._figure.outfit
        if outfit.hair not in ("long", "bun"):
            return
        self._canvas.owner = figure.owner("hair")
        width = float(self._axes[0])
        if outfit.hair == "bun":
            self._canvas.polygon(
                ellipse(self._at((0, -0.5, 1.0)), (width * 0.5, width * 0.5)), self._hair(0.9)
            )
            return
        top, end = self._at((0, -0.2, 0.45)), self._at((0, 1.5, 0.6))
        self._canvas.polygon(capsule(top, end, width * 1.08, width * 0.95), self._hair(0.85))

    def front(self) -> None:
        """Ears, skull, hair and face."""
        for ear in ("r_ear", "l_ear"):
            if self._figure.faces(ear) >= 0:
                self._ear(ear)
        skull = outline(self._surface[:, :2] + self._center)
        self._canvas.owner = self._figure.owner("head")
        self._canvas.polygon(skull, self._figure.outfit.skin)
        if self._axes[1] > _FEATURES_PX:
            self._face()
        self._hairdo()
        for ear in ("r_ear", "l_ear"):
            if self._figure.faces(ear) < 0 and self._figure.outfit.hair not in ("long", "full"):
                self._ear(ear)

    def _hair(self, factor: float = 1.0) -> tuple[int, int, int]:
        return shaded(self._figure.outfit.hair_color, factor)

    def _ear(self, name: str) -> None:
        self._canvas.owner = self._figure.owner(name)
        size = float(self._axes[1]) * 0.24
        narrow = size * max(0.35, abs(self._figure.faces(name)) * 0.7)
        self._canvas.polygon(
            ellipse(self._at(HEAD_POINTS[name]), (narrow, size)), shaded(self._figure.outfit.skin, 0.86)
        )

    def _hairdo(self) -> None:
        outfit = self._figure.outfit
        if outfit.hair == "bald":
            return
        self._canvas.owner = self._figure.owner("hair")
        back = {"short": 0.25, "hat": 0.3}.get(outfit.hair, 0.02)
        low = 0.35 if outfit.hair in ("short", "hat") else 0.75
        behind = (_SPHERE[:, 2] > back) & (_SPHERE[:, 1] < low)
        self._patch(behind, self._hair(0.92), 1.05)
        color = outfit.second if outfit.hair == "hat" else self._hair()
        self._patch(_SPHERE[:, 1] < -0.5 + 0.2 * _SPHERE[:, 2], color, 1.1 if outfit.hair == "hat" else 1.06)
        if outfit.hair == "hat" and self._turn[2, 2] > -0.2:
            brim = [
                self._at((side, -0.52, depth))
                for side, depth in ((-0.9, -0.5), (-0.6, -1.45), (0.6, -1.45), (0.9, -0.5))
            ]
            self._canvas.polygon(outline(np.array(brim)), shaded(outfit.second, 0.75))

    def _patch(self, where: Array, color: tuple[int, int, int], swell: float) -> None:
        points = self._surface[where & self._seen][:, :2]
        if len(points) > 4:
            self._canvas.polygon(outline(points * swell + self._center), color)

    def _face(self) -> None:
        canvas, outfit = self._canvas, self._figure.outfit
        size = float(self._axes[1])
        if outfit.beard:
            chin = (_SPHERE[:, 1] > 0.38) & (_SPHERE[:, 2] < 0.1) & self._seen
            if chin.sum() > 4:
                canvas.mark(outline(self._surface[chin][:, :2] * 0.98 + self._center), self._hair(1.05))
        for name in ("r_eye", "l_eye"):
            self._eye(name, size)
        if self._figure.faces("nose") < TURNED_AWAY["nose"]:
            bridge, tip = self._at((0, -0.1, -1.0)), self._at(HEAD_POINTS["nose"])
            canvas.polygon(capsule(bridge, tip, size * 0.06, size * 0.13), shaded(outfit.skin, 0.84))
        corners = [(-0.28, 0.5, -0.85), (0.28, 0.5, -0.85), (0.0, 0.58, -0.9)]
        if (self._turn @ np.array(corners[2]))[2] < -0.15:
            canvas.mark(outline(np.array([self._at(corner) for corner in corners])), (70, 60, 150))

    def _eye(self, name: str, size: float) -> None:
        facing = self._figure.faces(name)
        if facing > TURNED_AWAY[name]:
            return
        at, outfit = self._at(HEAD_POINTS[name]), self._figure.outfit
        narrow = size * 0.17 * max(0.3, -facing)
        if outfit.glasses:
            self._canvas.mark(ellipse(at, (narrow * 1.9, size * 0.2)), (30, 30, 30))
        self._canvas.mark(ellipse(at, (narrow, size * 0.1)), (235, 238, 240))
        self._canvas.mark(ellipse(at, (narrow * 0.55, size * 0.09)), (40, 30, 25))
        brow = self._at((HEAD_POINTS[name][0], -0.34, -0.88))
        self._canvas.mark(ellipse(brow, (narrow * 1.2, size * 0.045)), self._hair(0.8))
