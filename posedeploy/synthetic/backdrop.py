"""What figures stand before, between and behind: grounds, textures and clutter."""

from __future__ import annotations

import cv2
import numpy as np

from posedeploy.synthetic.canvas import Canvas, capsule, ellipse, shaded
from posedeploy.synthetic.outfit import SKINS, Color
from posedeploy.synthetic.rng import Rng
from posedeploy.types import Array


def draw_backdrop(draws: Rng, width: int, height: int) -> Canvas:
    """A canvas of this size without people: a ground, and clutter on it."""
    canvas = Canvas(draws.pick(_GROUNDS)(draws, width, height))
    for _ in range(draws.pick((0, 2, 5, 9, 14))):
        draw_thing(canvas, draws, draws.uniform(0.04, 0.45) * height)
    if draws.chance(0.3):
        _texture(canvas.image, draws)
    return canvas


def draw_thing(canvas: Canvas, draws: Rng, size: float) -> None:
    """Something that is no one, about ``size`` px large, anywhere: a box, ball, pole, bush, fence."""
    height, width = canvas.image.shape[:2]
    center = np.array([draws.uniform(-0.05, 1.05) * width, draws.uniform(0, 1.05) * height])
    draws.pick(_THINGS)(canvas, draws, center, size)


def draw_cover(canvas: Canvas, draws: Rng, center: Array, size: float) -> None:
    """Something that stands before people, about ``size`` px large."""
    draws.pick((_box, _box, _pole, _ball, _bush))(canvas, draws, center, size)


def _color(draws: Rng) -> Color:
    if draws.chance(0.06):  # skin that is not on anyone
        return draws.pick(SKINS)
    value = draws.whole(10, 245)
    spread = draws.pick((10, 40, 120))
    blue, green, red = (min(255, max(0, value + draws.whole(-spread, spread))) for _ in range(3))
    return blue, green, red


def _gradient(draws: Rng, width: int, height: int) -> Array:
    corners = np.array([[_color(draws) for _ in range(2)] for _ in range(2)], np.uint8)
    return cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)


def _room(draws: Rng, width: int, height: int) -> Array:
    image = np.empty((height, width, 3), np.uint8)
    horizon = round(height * draws.uniform(0.3, 0.85))
    image[:horizon] = _gradient(draws, width, max(1, horizon))
    image[horizon:] = _gradient(draws, width, max(1, height - horizon))
    return image


def _clouds(draws: Rng, width: int, height: int) -> Array:
    cells = draws.pick((4, 9, 20, 45))
    noise = draws.noise((max(2, cells * height // width), cells, 3))
    if draws.chance(0.6):
        noise = noise[..., :1].repeat(3, axis=2)
    strength = draws.uniform(0.08, 0.45)
    base = np.array(_color(draws), np.float32)
    small = np.clip(base + noise * np.float32(strength), 0, 255).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)


def _tiles(draws: Rng, width: int, height: int) -> Array:
    image = _gradient(draws, width, height)
    step, factor = draws.whole(8, 90), draws.uniform(0.7, 1.25)
    rows, columns = np.arange(height) // step, np.arange(width) // draws.pick((step, step, 2 * step, width))
    odd = (rows[:, None] + columns[None, :]) % 2 == 1
    image[odd] = np.clip(image[odd] * np.float32(factor), 0, 255).astype(np.uint8)
    return image


_GROUNDS = (_gradient, _room, _room, _room, _clouds, _clouds, _tiles)


def _box(canvas: Canvas, draws: Rng, center: Array, size: float) -> None:
    half = np.array([size * draws.uniform(0.3, 1.0), size * draws.uniform(0.3, 1.0)]) / 2
    lean = draws.about(0, 0.25)
    corners = np.array([(-1, -1 - lean), (1, -1 + lean), (1, 1), (-1, 1)]) * half + center
    color = _color(draws)
    canvas.polygon(corners, color)
    for _ in range(draws.whole(0, 3)):
        inner = center + (corners - center) * draws.uniform(0.3, 0.8)
        canvas.mark(inner, shaded(color, draws.uniform(0.6, 1.4)))


def _ball(canvas: Canvas, draws: Rng, center: Array, size: float) -> None:
    color = _color(draws)
    axes, turn = (size * draws.uniform(0.2, 0.5), size * draws.uniform(0.2, 0.5)), draws.uniform(0, 180)
    canvas.polygon(ellipse(center, axes, turn), color)
    canvas.mark(ellipse(center - size * 0.02, (axes[0] * 0.5, axes[1] * 0.5), turn), shaded(color, 1.25))


def _pole(canvas: Canvas, draws: Rng, center: Array, size: float) -> None:
    tall = np.array([draws.about(0, 0.3) * size, size * draws.uniform(0.8, 2.5)])
    radius = size * draws.uniform(0.03, 0.14)
    canvas.polygon(capsule(center - tall / 2, center + tall / 2, radius, radius), _color(draws))


def _branches(canvas: Canvas, draws: Rng, center: Array, size: float) -> None:
    """Jointed limbs that belong to no one."""
    color, radius = _color(draws), size * draws.uniform(0.03, 0.09)
    for _ in range(draws.whole(2, 5)):
        at = center
        for _ in range(draws.whole(1, 3)):
            to = at + np.array([draws.uniform(-0.5, 0.5), draws.uniform(-0.6, 0.6)]) * size
            canvas.polygon(capsule(at, to, radius, radius * 0.7), color)
            at = to


def _bush(canvas: Canvas, draws: Rng, center: Array, size: float) -> None:
    color = _color(draws)
    for _ in range(draws.whole(4, 9)):
        spot = center + np.array([draws.uniform(-0.4, 0.4), draws.uniform(-0.3, 0.3)]) * size
        radius = size * draws.uniform(0.1, 0.25)
        canvas.polygon(ellipse(spot, (radius, radius)), shaded(color, draws.uniform(0.75, 1.2)))


def _fence(canvas: Canvas, draws: Rng, center: Array, size: float) -> None:
    color, wide = _color(draws), size * draws.uniform(0.03, 0.08)
    for slat in range(draws.whole(3, 9)):
        left = center[0] + slat * wide * 2.5
        corners = [(left, center[1]), (left + wide, center[1])]
        corners += [(left + wide, center[1] + size), (left, center[1] + size)]
        canvas.polygon(np.array(corners), color)


_THINGS = (_box, _box, _ball, _pole, _branches, _bush, _fence)


def _texture(image: Array, draws: Rng) -> None:
    """Coarse grain over all of it, in place."""
    height, width = image.shape[:2]
    grain = draws.pick((1, 2, 3))
    noise = draws.noise((-(-height // grain), -(-width // grain)))
    coarse = noise.repeat(grain, axis=0).repeat(grain, axis=1)[:height, :width, None]
    strength = np.float32(draws.uniform(0.02, 0.18))
    np.copyto(image, np.clip(image + coarse * strength, 0, 255).astype(np.uint8))
