"""What a camera makes of a scene: light, blur, noise and JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from posedeploy.synthetic.jpeg import compressed
from posedeploy.synthetic.rng import Rng
from posedeploy.types import Array


def photographed(image: Array, draws: Rng) -> Array:
    """The (H, W, 3) uint8 image as some camera would have it; most images get some of each."""
    if draws.chance(0.8):
        image = _lit(image, draws)
    if draws.chance(0.45):
        image = _blurred(image, draws)
    if draws.chance(0.6):
        strength = np.float32(draws.uniform(0.005, 0.075))
        image = np.clip(image + draws.noise(image.shape) * strength, 0, 255).astype(np.uint8)
    if draws.chance(0.7):
        image = compressed(image, draws.whole(35, 95))
    return image


def _lit(image: Array, draws: Rng) -> Array:
    """Exposure, contrast and color of the light, and light that falls off across the image."""
    height, width = image.shape[:2]
    middle, contrast = draws.uniform(90, 150), draws.uniform(0.65, 1.2)
    gains = draws.uniform(0.7, 1.25) * draws.uniforms(0.88, 1.12, 3)
    values = np.arange(256, dtype=np.float32)[:, None]
    table = np.clip(((values - middle) * contrast + middle) * gains.astype(np.float32), 0, 255)
    image = cv2.LUT(image, np.rint(table).astype(np.uint8)[None])
    if draws.chance(0.5):
        corners = (draws.uniforms(0.55, 1.1, 4) * 200).reshape(2, 2).astype(np.uint8)
        light = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
        image = (image.astype(np.uint16) * light[..., None] // 200).clip(0, 255).astype(np.uint8)
    return image


def _blurred(image: Array, draws: Rng) -> Array:
    across, down = draws.pick(((3, 3), (3, 3), (5, 5), (7, 1), (1, 7), (9, 3)))
    return cv2.GaussianBlur(image, (across, down), 0)
