"""3D positions relative to the pelvis, scaled to a person of 1.8 m: for networks that predict no scale.

Source of the sizes: Winter, "Biomechanics and Motor Control of Human Movement" (after Drillis and Contini,
1966).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from posedeploy.joint_names import coco_name
from posedeploy.types import Array

LIMBS = (
    ("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"),
)  # fmt: skip
LIMB_MM = (0.245 * 1800.0, 0.246 * 1800.0, 0.186 * 1800.0, 0.146 * 1800.0)
"""Length of thigh, shank, upper arm and forearm of a person of 1.8 m."""
ROOTS = (("pelvis",), ("left_hip", "right_hip"))
"""Possible origins of 3D positions; the first one that a network has is used."""


@lru_cache(maxsize=16)
def find_roots(names: tuple[str, ...]) -> list[int]:
    """Return the joints whose midpoint is the root; an empty list if the names contain none."""
    own = [coco_name(name) for name in names]
    return next(([own.index(name) for name in root] for root in ROOTS if set(root) <= set(own)), [])


@lru_cache(maxsize=16)
def find_bones(names: tuple[str, ...]) -> list[tuple[int, int, float]]:
    """Return the two ends and the length in mm of each limb that the network has."""
    own = [coco_name(name) for name in names]
    limbs = [
        (f"{side}_{start}", f"{side}_{end}", length)
        for side in ("left", "right")
        for (start, end), length in zip(LIMBS, LIMB_MM, strict=True)
    ]
    return [(own.index(a), own.index(b), length) for a, b, length in limbs if {a, b} <= set(own)]


def relative_to_root(points: Array, names: tuple[str, ...]) -> Array:
    """Return (joints, 3) points relative to the midpoint of the roots."""
    centered: Array = points - points[find_roots(names)].mean(axis=0)
    return centered


def scale_to_mm(relative: Array, names: tuple[str, ...]) -> Array:
    """Return (joints, 3) mm, in which the limbs have the total length of those of a person of 1.8 m."""
    bones = find_bones(names)
    starts, ends = [start for start, _, _ in bones], [end for _, end, _ in bones]
    total = float(np.linalg.norm(relative[starts] - relative[ends], axis=1).sum())
    scaled: Array = relative * (sum(length for _, _, length in bones) / total if total else 0.0)
    return scaled
