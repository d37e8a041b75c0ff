"""Random variations of the images that a network is trained on."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

MAX_ANGLE = math.radians(12)
SCALES = (0.7, 1.4)
MAX_SHIFT = 0.15
"""The largest shift, as a share of half the image."""
CONTRASTS = (0.7, 1.3)
MAX_BRIGHTNESS = 0.3
"""The largest change of brightness, as a multiple of the std of the image's values."""
TINTS = (0.85, 1.15)


def vary(images: Tensor, rng: torch.Generator, *, channels_last: bool) -> Tensor:
    """Return float images that are changed at random, within the range of the original values.

    They are mirrored, rotated, scaled and shifted, and changed in contrast, brightness and tint.

    Args:
        images: (N, C, H, W), or (N, H, W, C) with ``channels_last``; all are changed in the same way.
    """
    images = images.float()
    low, high = images.min(), images.max()
    if channels_last:
        return vary(images.permute(0, 3, 1, 2), rng, channels_last=False).permute(0, 2, 3, 1)
    matrix = _draw_matrix(images.shape[3] / images.shape[2], rng).expand(len(images), 2, 3)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    images = functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    mean, std = images.mean(), images.std()
    tints = torch.empty(images.shape[1], 1, 1).uniform_(*TINTS, generator=rng)
    brightness = _draw(rng, -MAX_BRIGHTNESS, MAX_BRIGHTNESS) * std
    images = (images - low) * tints + low
    return ((images - mean) * _draw(rng, *CONTRASTS) + mean + brightness).clamp(low, high)


def _draw(rng: torch.Generator, low: float, high: float) -> float:
    return float(torch.empty(()).uniform_(low, high, generator=rng))


def _draw_matrix(aspect: float, rng: torch.Generator) -> Tensor:
    """Return (1, 2, 3) the positions to read, relative to half the width and half the height."""
    angle, scale = _draw(rng, -MAX_ANGLE, MAX_ANGLE), _draw(rng, *SCALES)
    sign = 1.0 if _draw(rng, 0, 1) < 0.5 else -1.0
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    shifts = _draw(rng, -MAX_SHIFT, MAX_SHIFT), _draw(rng, -MAX_SHIFT, MAX_SHIFT)
    return torch.tensor([[[cos * sign, -sin / aspect, shifts[0]], [sin * aspect * sign, cos, shifts[1]]]])
