"""The error of a candidate as a share of the budget, with a confidence interval over the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.intervals import CONFIDENCE
from posedeploy.benchmarks.pose_comparison import ImagePairs, PoseComparison
from posedeploy.types import Array

RESAMPLES = 200
MIN_IMAGES = 4
"""The number of images that an interval needs."""
SEED = 20181129


@dataclass(frozen=True)
class ErrorShare:
    """The largest of the limited differences, each divided by its limit: 1 is the whole budget.

    images: the people of each image. low, high: the ends of the bootstrap interval over the images, because
    the keypoints of one image are not independent; 0 and infinity for fewer than ``MIN_IMAGES``.
    """

    images: tuple[ImagePairs, ...] = field(repr=False)
    value: float
    low: float
    high: float

    @property
    def is_within(self) -> bool:
        """Whether the measured differences are within the budget."""
        return self.value <= 1

    @cached_property
    def poses(self) -> PoseComparison:
        """The people of all images."""
        return PoseComparison(self.images)


def measure_share(budget: Budget, images: Sequence[ImagePairs]) -> ErrorShare | None:
    """Return the error of a candidate on these images; None without anything to compare."""
    compared = [image for image in images if image.people + image.missed + image.extra]
    if not compared:
        return None
    if budget.list_undecided(PoseComparison(tuple(compared))):
        return ErrorShare(tuple(images), float("inf"), 0.0, float("inf"))
    measures = _measures(budget, compared)
    once = np.ones((1, len(compared)), np.int64)
    value = float(_shares(measures, once)[0])
    low, high = 0.0, float("inf")
    if len(compared) >= MIN_IMAGES:
        rng = np.random.RandomState(SEED)
        chosen = rng.randint(0, len(compared), (RESAMPLES, len(compared)))
        counts = np.stack([np.bincount(row, minlength=len(compared)) for row in chosen])
        shares = _shares(measures, counts)
        tail = (1 - CONFIDENCE) / 2
        low, high = (float(np.quantile(shares, at, method="nearest")) for at in (tail, 1 - tail))
    return ErrorShare(tuple(images), value, low, high)


def _shares(measures: Sequence[Callable[[Array], Array]], counts: Array) -> Array:
    """Return (resamples,) the largest share of each resample. counts: (resamples, images)."""
    shares: Array = np.max([measure(counts) for measure in measures], axis=0)
    return shares


def _measures(budget: Budget, images: Sequence[ImagePairs]) -> list[Callable[[Array], Array]]:
    """Return a function for each limit: from (resamples, images) counts to (resamples,) shares of it."""
    measures: list[Callable[[Array], Array]] = []
    for limit in budget.distances:
        values = [image.values.get(limit.measure, np.zeros(0)) for image in images]
        measures.append(_percentile(values, limit.value))
    if budget.oks is not None:
        losses = [1 - image.values.get("oks", np.zeros(0)) for image in images]
        measures.append(_percentile(losses, 1 - budget.oks))
    if budget.unmatched_percent is not None:
        limit_share = budget.unmatched_percent / 100
        keypoints = [(image.unmatched_keypoints, image.keypoints) for image in images]
        measures.append(_unmatched(keypoints, limit_share))
        if budget.mm is not None:
            joints = [(image.uncompared_joints, len(image.values.get("joint_mm", ()))) for image in images]
            measures.append(_unmatched(joints, limit_share))
    return measures


def _percentile(values: Sequence[Array], limit: float) -> Callable[[Array], Array]:
    """Return the function for the 95th percentile of the values, as ``summarize`` defines it."""
    pooled = np.concatenate([np.zeros(0), *values])
    image_of = np.repeat(np.arange(len(values)), [len(array) for array in values])
    order = np.argsort(pooled, kind="stable")
    ordered, image_of = pooled[order], image_of[order]

    def measure(counts: Array) -> Array:
        shares = np.zeros(len(counts))
        for number, row in enumerate(counts if len(pooled) else ()):
            below = np.cumsum(row[image_of])
            if below[-1]:
                rank = int(np.ceil(0.95 * (below[-1] - 1)))
                shares[number] = ordered[int(np.searchsorted(below, rank, side="right"))]
        return _over(shares, limit)

    return measure


def _unmatched(counts_of_images: Sequence[tuple[int, int]], limit: float) -> Callable[[Array], Array]:
    """Return the function for the share of unmatched points; ``counts_of_images``: unmatched and compared
    points."""
    unmatched, compared = np.array(counts_of_images).T
    totals = unmatched + compared

    def measure(counts: Array) -> Array:
        return _over(counts @ unmatched / np.maximum(counts @ totals, 1), limit)

    return measure


def _over(values: Array, limit: float) -> Array:
    """Return the values divided by the limit; with a limit of 0, only 0 is within it."""
    if limit > 0:
        shares: Array = values / limit
        return shares
    return np.where(values > 0, np.inf, 0.0)
