"""The surroundings of figures: grounds, textures, clutter and occluders."""

from __future__ import annotations

import cv2
import numpy as np

from posedeploy.synthetic.canvas import Canvas, capsule, ellipse, shade
from posedeploy.synthetic.outfit import SKINS, Color
from posedeploy.synthetic.rng import Rng
from posedeploy.types import Array


def draw_backdrop(rng: Rng, width: int, height: int) -> Canvas:
    """Return a canvas without people: a ground with clutter."""
    canvas = Canvas(rng.choice(_GROUNDS)(rng, width, height))
    for _ in range(rng.choice((0, 2, 5, 9, 14))):
        draw_clutter(canvas, rng, rng.uniform(0.04, 0.45) * height)
    if rng.chance(0.3):
        _texture(canvas.image, rng)
    return canvas


def draw_clutter(canvas: Canvas, rng: Rng, size: float) -> None:
    """Draw a random object of about ``size`` px at a random position."""
    height, width = canvas.image.shape[:2]
    center = np.array([rng.uniform(-0.05, 1.05) * width, rng.uniform(0, 1.05) * height])
    rng.choice(_CLUTTER)(canvas, rng, center, size)


def draw_occluder(canvas: Canvas, rng: Rng, center: Array, size: float) -> None:
    """Draw a random object of about ``size`` px that hides people."""
    rng.choice((_box, _box, _pole, _ball, _bush))(canvas, rng, center, size)


def _color(rng: Rng) -> Color:
    if rng.chance(0.06):  # skin colors must not be evidence of a person
        return rng.choice(SKINS)
    value = rng.integer(10, 245)
    spread = rng.choice((10, 40, 120))
    blue, green, red = (min(255, max(0, value + rng.integer(-spread, spread))) for _ in range(3))
    return blue, green, red


def _gradient(rng: Rng, width: int, height: int) -> Array:
    corners = np.array([[_color(rng) for _ in range(2)] for _ in range(2)], np.uint8)
    return cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)


def _room(rng: Rng, width: int, height: int) -> Array:
    image = np.empty((height, width, 3), np.uint8)
    horizon = round(height * rng.uniform(0.3, 0.85))
    image[:horizon] = _gradient(rng, width, max(1, horizon))
    image[horizon:] = _gradient(rng, width, max(1, height - horizon))
    return image


def _clouds(rng: Rng, width: int, height: int) -> Array:
    cells = rng.choice((4, 9, 20, 45))
    noise = rng.noise((max(2, cells * height // width), cells, 3))
    if rng.chance(0.6):
        noise = noise[..., :1].repeat(3, axis=2)
    strength = rng.uniform(0.08, 0.45)
    base = np.array(_color(rng), np.float32)
    small = np.clip(base + noise * np.float32(strength), 0, 255).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)


def _tiles(rng: Rng, width: int, height: int) -> Array:
    image = _gradient(rng, width, height)
    step, factor = rng.integer(8, 90), rng.uniform(0.7, 1.25)
    rows, columns = np.arange(height) // step, np.arange(width) // rng.choice((step, step, 2 * step, width))
    odd = (rows[:, None] + columns[None, :]) % 2 == 1
    image[odd] = np.clip(image[odd] * np.float32(factor), 0, 255).astype(np.uint8)
    return image


_GROUNDS = (_gradient, _room, _room, _room, _clouds, _clouds, _tiles)


def _box(canvas: Canvas, rng: Rng, center: Array, size: float) -> None:
    half = np.array([size * rng.uniform(0.3, 1.0), size * rng.uniform(0.3, 1.0)]) / 2
    lean = rng.around(0, 0.25)
    corners = np.array([(-1, -1 - lean), (1, -1 + lean), (1, 1), (-1, 1)]) * half + center
    color = _color(rng)
    canvas.fill(corners, color)
    for _ in range(rng.integer(0, 3)):
        inner = center + (corners - center) * rng.uniform(0.3, 0.8)
        canvas.mark(inner, shade(color, rng.uniform(0.6, 1.4)))


def _ball(canvas: Canvas, rng: Rng, center: Array, size: float) -> None:
    color = _color(rng)
    axes, turn = (size * rng.uniform(0.2, 0.5), size * rng.uniform(0.2, 0.5)), rng.uniform(0, 180)
    canvas.fill(ellipse(center, axes, turn), color)
    canvas.mark(ellipse(center - size * 0.02, (axes[0] * 0.5, axes[1] * 0.5), turn), shade(color, 1.25))


def _pole(canvas: Canvas, rng: Rng, center: Array, size: float) -> None:
    tall = np.array([rng.around(0, 0.3) * size, size * rng.uniform(0.8, 2.5)])
    radius = size * rng.uniform(0.03, 0.14)
    canvas.fill(capsule(center - tall / 2, center + tall / 2, radius, radius), _color(rng))


def _branches(canvas: Canvas, rng: Rng, center: Array, size: float) -> None:
    """Draw chains of segments that resemble limbs."""
    color, radius = _color(rng), size * rng.uniform(0.03, 0.09)
    for _ in range(rng.integer(2, 5)):
        at = center
        for _ in range(rng.integer(1, 3)):
            to = at + np.array([rng.uniform(-0.5, 0.5), rng.uniform(-0.6, 0.6)]) * size
            canvas.fill(capsule(at, to, radius, radius * 0.7), color)
            at = to


def _bush(canvas: Canvas, rng: Rng, center: Array, size: float) -> None:
    color = _color(rng)
    for _ in range(rng.integer(4, 9)):
        spot = center + np.array([rng.uniform(-0.4, 0.4), rng.uniform(-0.3, 0.3)]) * size
        radius = size * rng.uniform(0.1, 0.25)
        canvas.fill(ellipse(spot, (radius, radius)), shade(color, rng.uniform(0.75, 1.2)))


def _fence(canvas: Canvas, rng: Rng, center: Array, size: float) -> None:
    color, wide = _color(rng), size * rng.uniform(0.03, 0.08)
    for slat in range(rng.integer(3, 9)):
        left = center[0] + slat * wide * 2.5
        corners = [(left, center[1]), (left + wide, center[1])]
        corners += [(left + wide, center[1] + size), (left, center[1] + size)]
        canvas.fill(np.array(corners), color)


_CLUTTER = (_box, _box, _ball, _pole, _branches, _bush, _fence)


def _texture(image: Array, rng: Rng) -> None:
    """Add coarse grain to the image, in place."""
    height, width = image.shape[:2]
    grain = rng.choice((1, 2, 3))
    noise = rng.noise((-(-height // grain), -(-width // grain)))
    coarse = noise.repeat(grain, axis=0).repeat(grain, axis=1)[:height, :width, None]
    strength = np.float32(rng.uniform(0.02, 0.18))
    np.copyto(image, np.clip(image + coarse * strength, 0, 255).astype(np.uint8))
