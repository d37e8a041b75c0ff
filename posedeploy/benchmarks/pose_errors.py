"""Measures of the difference between two sets of paired people, as pure functions on arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posedeploy.joint_names import coco_name
from posedeploy.types import Array

ROOTS = (("pelvis",), ("wrist",), ("neck",), ("left_hip", "right_hip"))
"""Joints that 3D positions are taken relative to, as one joint or the midpoint of two; the first that a
network has is used. lightweight-openpose-3d reads all its joints at the neck."""
MIN_SIZE_PX = 1.0
MIN_AREA_SHARE = 0.1
"""The least area of a person as a fraction of the squared diagonal of the box, because the box of keypoints
on a line has no area."""


def distance_norms(differences: Array) -> Array:
    """Return lengths along the last axis, infinite where a side is not finite."""
    lengths = np.linalg.norm(differences, axis=-1)
    return np.where(np.isnan(lengths), np.inf, lengths)


def box_diagonals(points: Array, is_present: Array) -> Array:
    """Return (people,) the diagonals in px of the tight boxes around the present points.

    Args:
        points: (people, keypoints, 2) px. is_present: (people, keypoints).
    """
    width, height = _extents(points, is_present)
    diagonals: Array = np.hypot(width, height)
    return diagonals


def box_areas(points: Array, is_present: Array) -> Array:
    """Return (people,) the areas in px² of the same boxes, at least ``MIN_AREA_SHARE`` of their squared
    diagonals."""
    width, height = _extents(points, is_present)
    areas: Array = np.maximum(width * height, MIN_AREA_SHARE * (width**2 + height**2))
    return areas


def _extents(points: Array, is_present: Array) -> Array:
    """Return (2, people) the width and height of each box; 0 for a person without points."""
    where = is_present[..., None]
    low = points.min(axis=1, where=where, initial=np.inf)
    high = points.max(axis=1, where=where, initial=-np.inf)
    extents: Array = np.where(where.sum(axis=1) > 0, high - low, 0.0).T
    return extents


def similarity(distances: Array, is_both: Array, is_either: Array, areas: Array, sigmas: Array) -> Array:
    """Return (people,) the object keypoint similarity (OKS) between two sides.

    As in COCO, a keypoint counts ``exp(-d² / (2 area (2 sigma)²))``. A keypoint found by only one model
    counts 0, so that the similarity is symmetric. The similarity of people without keypoints is 1.

    Args:
        distances: (people, keypoints) px. is_both, is_either: (people, keypoints) whether both sides, or any,
            have the keypoint. areas: (people,) px². sigmas: (keypoints,).
    """
    spread = 2 * areas[:, None] * (2 * np.asarray(sigmas, np.float64)) ** 2
    with np.errstate(invalid="ignore", over="ignore"):
        each = np.exp(-(distances**2) / np.maximum(spread, np.finfo(np.float64).tiny))
    number = is_either.sum(axis=1)
    total = np.where(is_both, np.nan_to_num(each, nan=0.0), 0.0).sum(axis=1)
    oks: Array = np.where(number > 0, total / np.maximum(number, 1), 1.0)
    return oks


def root_joints(names: Sequence[str]) -> list[int]:
    """Return the joints whose midpoint is the root; the first joint if no name identifies the root."""
    own = [coco_name(name) for name in names]
    return next(([own.index(name) for name in root] for root in ROOTS if set(root) <= set(own)), [0])


def relative_to_root(positions: Array, root: Sequence[int]) -> Array:
    """Return (people, joints, 3) positions relative to each person's root."""
    relative: Array = positions - positions[:, list(root)].mean(axis=1, keepdims=True)
    return relative


def aligned_distances(reference: Array, candidate: Array) -> Array:
    """Return (joints,) distances after Procrustes alignment: their mean is the PA-MPJPE of one person.

    The candidate is moved, rotated and scaled so that the sum of the squared distances is minimal (Umeyama,
    1991). A reflection is not allowed. The distances are infinite if a number is not finite.

    Args:
        reference, candidate: (joints, 3) of one person, in the same unit as the result.
    """
    if not (np.isfinite(reference).all() and np.isfinite(candidate).all()):
        return np.full(len(reference), np.inf)
    a, b = reference - reference.mean(axis=0), candidate - candidate.mean(axis=0)
    left, stretch, right = np.linalg.svd(b.T @ a)
    signs = np.ones(3)
    signs[2] = np.sign(np.linalg.det(left @ right)) or 1.0
    variance = float((b**2).sum())
    scale = float((stretch * signs).sum()) / variance if variance else 1.0
    aligned = scale * b @ (left * signs) @ right
    distances: Array = np.linalg.norm(aligned - a, axis=1)
    return distances
