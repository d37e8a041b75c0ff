"""The effects of a camera: light, blur, noise and JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from posedeploy.synthetic.jpeg import round_trip_jpeg
from posedeploy.synthetic.rng import Rng
from posedeploy.types import Array


def apply_camera(image: Array, rng: Rng) -> Array:
    """Apply random camera effects to a (H, W, 3) uint8 image."""
    if rng.chance(0.8):
        image = _apply_light(image, rng)
    if rng.chance(0.45):
        image = _blur(image, rng)
    if rng.chance(0.6):
        strength = np.float32(rng.uniform(0.005, 0.075))
        image = np.clip(image + rng.noise(image.shape) * strength, 0, 255).astype(np.uint8)
    if rng.chance(0.7):
        image = round_trip_jpeg(image, rng.integer(35, 95))
    return image


def _apply_light(image: Array, rng: Rng) -> Array:
    """Change exposure, contrast and color, and let the light vary across the image."""
    height, width = image.shape[:2]
    middle, contrast = rng.uniform(90, 150), rng.uniform(0.65, 1.2)
    gains = rng.uniform(0.7, 1.25) * rng.uniforms(0.88, 1.12, 3)
    values = np.arange(256, dtype=np.float32)[:, None]
    table = np.clip(((values - middle) * contrast + middle) * gains.astype(np.float32), 0, 255)
    image = cv2.LUT(image, np.rint(table).astype(np.uint8)[None])
    if rng.chance(0.5):
        corners = (rng.uniforms(0.55, 1.1, 4) * 200).reshape(2, 2).astype(np.uint8)
        light = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
        image = (image.astype(np.uint16) * light[..., None] // 200).clip(0, 255).astype(np.uint8)
    return image


def _blur(image: Array, rng: Rng) -> Array:
    across, down = rng.choice(((3, 3), (3, 3), (5, 5), (7, 1), (1, 7), (9, 3)))
    return cv2.GaussianBlur(image, (across, down), 0)
