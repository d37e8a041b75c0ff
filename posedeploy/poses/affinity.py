"""Scores of keypoint pairs as limbs, from part affinity fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posedeploy.poses.fields import Fields
from posedeploy.poses.limbs import Limbs
from posedeploy.poses.peaks import Peaks
from posedeploy.types import Array

POINTS = 10
POINT_THRESHOLD = 0.05
CHUNK = 1 << 15


@dataclass(frozen=True)
class CandidateLimbs:
    """Candidate limbs: (pairs,) int64 indices of the limb and of its two peaks."""

    limb: Array
    a: Array
    b: Array

    def __getitem__(self, index: slice | Array) -> CandidateLimbs:
        return CandidateLimbs(self.limb[index], self.a[index], self.b[index])

    def __len__(self) -> int:
        return len(self.limb)


ScoringRule = Callable[[Peaks, CandidateLimbs, Fields], tuple[Array, Array]]
"""Returns the score of each pair and the number of points above the threshold."""


def list_candidates(peaks: Peaks, limbs: Limbs) -> CandidateLimbs:
    """Return all pairs of peaks that could be limbs, limb by limb; the first end varies fastest."""
    count = np.diff(peaks.first)
    start, end = limbs.starts, limbs.ends
    sizes = count[start] * count[end]
    limb = np.repeat(np.arange(len(limbs)), sizes)
    within = np.arange(len(limb)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    b, a = np.divmod(within, count[start][limb])
    return CandidateLimbs(limb, peaks.first[start][limb] + a, peaks.first[end][limb] + b)


def select_plausible(peaks: Peaks, fields: Fields, rule: ScoringRule) -> tuple[CandidateLimbs, Array]:
    """Return the pairs with a score above 0 and more than 80% of the points above the threshold.

    Pairs are processed in chunks, so that a noisy map with a hundred thousand pairs does not need gigabytes.
    """
    pairs = list_candidates(peaks, fields.limbs)
    good, scores = [np.zeros(0, np.int64)], [np.zeros(0)]
    for begin in range(0, len(pairs), CHUNK):
        score, passed = rule(peaks, pairs[begin : begin + CHUNK], fields)
        chosen = np.flatnonzero((score > 0) & (passed / POINTS > 0.8))
        good.append(chosen + begin)
        scores.append(score[chosen])
    return pairs[np.concatenate(good)], np.concatenate(scores)


def score_rounded(peaks: Peaks, pairs: CandidateLimbs, fields: Fields) -> tuple[Array, Array]:
    """Score pairs by the rule of the 2D network: float32, points rounded (half to even) to cells."""
    x0, y0 = peaks.x.astype(np.float32)[pairs.a], peaks.y.astype(np.float32)[pairs.a]
    dx, dy = peaks.x.astype(np.float32)[pairs.b] - x0, peaks.y.astype(np.float32)[pairs.b] - y0
    share, grid = np.float32(1 / (POINTS - 1)), np.arange(POINTS, dtype=np.float32)
    x = np.rint((share * dx)[:, None] * grid + x0[:, None]).astype(np.int32)
    y = np.rint((share * dy)[:, None] * grid + y0[:, None]).astype(np.int32)
    length = np.sqrt(dx * dx + dy * dy) + np.float32(1e-6)
    along = _project(fields, pairs, x, y, dx / length, dy / length)
    passed = along > np.float32(POINT_THRESHOLD)
    number = passed.sum(1)
    return (along * passed).sum(1) / (number + 1e-6), number


def score_truncated(peaks: Peaks, pairs: CandidateLimbs, fields: Fields) -> tuple[Array, Array]:
    """Score pairs by the rule of the 3D network: float64, points truncated to cells, long limbs penalized."""
    x0, y0 = peaks.x[pairs.a], peaks.y[pairs.a]
    dx, dy = peaks.x[pairs.b] - x0, peaks.y[pairs.b] - y0
    share, grid = 1 / (POINTS - 1), np.arange(POINTS)
    x = ((share * dx)[:, None] * grid + x0[:, None]).astype(np.int32)
    y = ((share * dy)[:, None] * grid + y0[:, None]).astype(np.int32)
    length = np.sqrt(dx * dx + dy * dy)
    divisor = np.where(length > 0, length, np.inf)
    along = _project(fields, pairs, x, y, dx / divisor, dy / divisor)
    passed = along > POINT_THRESHOLD
    number = passed.sum(1)
    mean = (along * passed).sum(1) / np.maximum(number, 1)
    return mean + np.minimum(fields.height // 2 / divisor - 1, 0), number


def _project(
    fields: Fields, pairs: CandidateLimbs, x: Array, y: Array, unit_x: Array, unit_y: Array
) -> Array:
    """Return (pairs, points) components of the fields at the points, along each pair's direction."""
    sampled = fields.at(pairs.limb, x, y)
    along: Array = sampled[..., 0] * unit_x[:, None] + sampled[..., 1] * unit_y[:, None]
    return along
