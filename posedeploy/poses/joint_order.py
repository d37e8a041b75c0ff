"""Detect 2D joints in a wrong order, by the body proportions that the order implies.

A distance within a body, such as the length of a thigh, has a maximum in an image in every pose and view.
Distances are relative to the person's size, the root mean square distance of the joints from their mean. In a
wrong order, some distances are far above their maximum.

``MAX_RATIO`` and ``GOOD_RATIO`` were measured on synthetic people in poses of every kind. The largest ratio
of a person was at most 5.6 for upright cameras, and 10 for one person in 3000 for cameras of any direction.
It was over 9 for 97% of the people in the order of another set with as many joints. For 654 people detected
by a trained network in photographs and two videos, it was at most 6.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import JointSet
from posedeploy.poses.file_joint_sets import KNOWN_SETS
from posedeploy.types import Array

GOOD_RATIO = 5.7
"""Joints in the right order rarely exceed this ratio."""
MAX_RATIO = 9.0
"""No body exceeds this ratio in any view."""
CLEARLY_BETTER = 0.6
MIN_DISTANCES = 6
"""Minimum number of known distances for a judgment."""
SLACK = 0.04
"""Difference between the joints of detectors and datasets, relative to the stature."""

SHOULDERS, HIPS = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
_Points = tuple[str, ...]


def _on_both_sides(first: str, second: str, length: float) -> list[tuple[_Points, _Points, float]]:
    return [((f"{side}_{first}",), (f"{side}_{second}",), length) for side in ("left", "right")]


DISTANCES: tuple[tuple[_Points, _Points, float], ...] = (
    (("pelvis",), HIPS, 0.0),
    (("neck",), SHOULDERS, 0.03),
    (("thorax",), SHOULDERS, 0.05),
    (("upper_neck",), SHOULDERS, 0.08),
    (("nose",), SHOULDERS, 0.17),
    (("face",), SHOULDERS, 0.17),
    (("head",), SHOULDERS, 0.24),
    (("head_top",), SHOULDERS, 0.26),
    (("chest",), SHOULDERS, 0.15),
    (("torso",), SHOULDERS + HIPS, 0.06),
    (("spine",), SHOULDERS + HIPS, 0.06),
    (SHOULDERS[:1], SHOULDERS[1:], 0.21),
    (HIPS[:1], HIPS[1:], 0.12),
    *_on_both_sides("shoulder", "elbow", 0.19),
    *_on_both_sides("elbow", "wrist", 0.15),
    *_on_both_sides("hip", "knee", 0.245),
    *_on_both_sides("knee", "ankle", 0.245),
    *_on_both_sides("shoulder", "hip", 0.29),
    *_on_both_sides("ankle", "toe", 0.12),
    *_on_both_sides("ankle", "small_toe", 0.12),
    *_on_both_sides("ankle", "heel", 0.05),
    *_on_both_sides("wrist", "hand", 0.08),
    *_on_both_sides("wrist", "index", 0.1),
    *_on_both_sides("wrist", "thumb", 0.08),
    *_on_both_sides("ear", "eye", 0.06),
    *((((f"{side}_eye",), ("nose",), 0.04)) for side in ("left", "right")),
    *((((f"{side}_ear",), ("nose",), 0.08)) for side in ("left", "right")),
    *((((f"{side}_thorax",), SHOULDERS, 0.08)) for side in ("left", "right")),
)
"""Two points, each the mean of these joints, and their distance relative to the stature."""
MEASURED = frozenset(name for one, other, _ in DISTANCES for name in (*one, *other))


@dataclass(frozen=True)
class Fit:
    """The fit of people to a joint set.

    ratio: the median over people of the largest ratio of a distance to its expected length and the person's
    size; NaN if too few distances are known. worst: a description of the worst distance.
    is_crossed: whether, in most people seen from the front or back, the hips (or the ears) point in the
    opposite direction to the shoulders. odd: the people whose own ratio is over ``MAX_RATIO``.
    """

    ratio: float
    worst: str = ""
    is_crossed: bool = False
    odd: tuple[int, ...] = ()

    @property
    def is_wrong(self) -> bool:
        """Whether no body has these proportions."""
        return self.is_crossed or self.ratio > MAX_RATIO

    @property
    def is_good(self) -> bool:
        """Whether the proportions are common."""
        return not self.is_crossed and self.ratio <= GOOD_RATIO


def measure_fit(people: Array, joint_set: JointSet) -> Fit:
    """Return how well (people, joints, 3) fit a set; a missing joint has a score below 0."""
    at = {coco_name(name): index for index, name in enumerate(joint_set.joints)}
    columns = [index for name, index in at.items() if name in MEASURED]
    points = np.where(people[..., 2:] < 0, np.nan, people[..., :2])
    known = [row for row in DISTANCES if all(name in at for name in (*row[0], *row[1]))]
    unknown = Fit(float("nan"))
    if not len(people) or len(known) < MIN_DISTANCES:
        return unknown
    sizes = _measure_sizes(points[:, columns])
    ratios = np.stack([_measure_ratios(points, at, row) for row in known], axis=1) / sizes[:, None]
    enough = np.isfinite(ratios).sum(axis=1) >= MIN_DISTANCES
    if not enough.any():
        return unknown
    ratios[~np.isfinite(ratios)] = 0.0  # a distance with a missing end is never the largest
    largest = np.where(enough, ratios.max(axis=1), 0.0)
    ratio = float(np.median(largest[enough]))
    crossed = next((pair for pair in PAIRS if _is_crossed(points[enough], sizes[enough], at, pair)), None)
    worst = _describe_worst(np.median(ratios[enough], axis=0), known, joint_set, at)
    if crossed is not None and ratio <= MAX_RATIO:
        worst = f"left and right are crossed between {_name_parts(crossed[0])} and {_name_parts(crossed[1])}"
    return Fit(ratio, worst, crossed is not None, tuple(np.flatnonzero(largest > MAX_RATIO).tolist()))


def find_best_other_set(people: Array, own: JointSet) -> tuple[JointSet, Fit] | None:
    """Return the other known set of as many joints that (people, joints, 3) fit best, and how well.

    The result is None if no other set can be judged.
    """
    others = (each for each in KNOWN_SETS.values() if len(each) == people.shape[1] and each is not own)
    return choose_set(people, others)


def choose_set(people: Array, sets: Iterable[JointSet]) -> tuple[JointSet, Fit] | None:
    """Return the set that the people fit best, and how well; None if none can be judged."""
    fits = [(each, measure_fit(people, each)) for each in sets]
    judged = [(each, fit) for each, fit in fits if np.isfinite(fit.ratio)]
    return min(judged, key=lambda pair: (pair[1].is_crossed, pair[1].ratio), default=None)


def is_upside_down(people: Array, joint_set: JointSet) -> bool:
    """Return whether most people have the shoulders below the hips, and the hips below the ankles."""
    at = {coco_name(name): index for index, name in enumerate(joint_set.joints)}
    rows = [
        [at[name] for name in names if name in at]
        for names in (SHOULDERS, HIPS, ("left_ankle", "right_ankle"))
    ]
    if not len(people) or not all(rows):
        return False
    heights = np.where(people[..., 2] < 0, np.nan, people[..., 1])
    shoulders, hips, ankles = (heights[:, row].mean(axis=1) for row in rows)
    return bool(((shoulders > hips) & (hips > ankles)).mean() > 0.8)


PAIRS = ((HIPS, SHOULDERS, 0.2, 0.2), (("left_ear", "right_ear"), SHOULDERS, 0.35, 0.45))
"""Two pairs of joints that point in the same direction, and the minimum width of each, relative to the
person's size. In a side view, the direction is unknown. Heads turn further than hips."""
MAX_COSINE = -0.7
"""Maximum cosine of the angle between two pairs that point in opposite directions."""


def _is_crossed(
    points: Array, sizes: Array, at: dict[str, int], pair: tuple[_Points, _Points, float, float]
) -> bool:
    if not all(name in at for name in (*pair[0], *pair[1])):
        return False
    across = [points[:, at[names[0]]] - points[:, at[names[1]]] for names in pair[:2]]
    widths = [np.linalg.norm(vector, axis=1) for vector in across]
    is_wide = (widths[0] > pair[2] * sizes) & (widths[1] > pair[3] * sizes)
    cosines = (across[0] * across[1]).sum(axis=1)[is_wide] / (widths[0] * widths[1])[is_wide]
    crossed = int((cosines < MAX_COSINE).sum())
    return crossed > 0.1 * len(points) and crossed > 0.5 * int(is_wide.sum())


def _measure_sizes(points: Array) -> Array:
    """Return (people,) root mean square distances of the joints from their mean."""
    known = np.isfinite(points)
    counts = known.sum(axis=1, keepdims=True)
    middle = np.where(known, points, 0).sum(axis=1, keepdims=True) / np.maximum(counts, 1)
    squared = np.where(known, points - middle, 0.0) ** 2
    mean = squared.sum(axis=(1, 2)) / np.maximum(counts[:, 0, 0], 1)
    sizes: Array = np.sqrt(np.maximum(mean, 1e-12))
    return sizes


def _measure_ratios(points: Array, at: dict[str, int], row: tuple[_Points, _Points, float]) -> Array:
    """Return (people,) ratios of a distance in px to its length relative to the stature."""
    one, other = (points[:, [at[name] for name in names]].mean(axis=1) for names in row[:2])
    ratio: Array = np.linalg.norm(one - other, axis=1) / (row[2] + SLACK)
    return ratio


def _describe_worst(
    ratios: Array, known: list[tuple[_Points, _Points, float]], joint_set: JointSet, at: dict[str, int]
) -> str:
    """Describe a wrong distance: the first one from a midpoint that is above the maximum, or the largest."""
    middles = [index for index, row in enumerate(known) if len(row[1]) > 1 and ratios[index] > MAX_RATIO]
    worst = middles[0] if middles else int(ratios.argmax())
    one, other, _ = known[worst]
    name = joint_set.joints[at[one[0]]]
    if len(other) > 1:
        return f"{name} is not near the middle of {_name_parts(other)}"
    times = ratios[worst] / GOOD_RATIO
    return f"{name} to {joint_set.joints[at[other[0]]]} is {times:.1f} times as long as in any person"


def _name_parts(names: _Points) -> str:
    parts = dict.fromkeys(name.removeprefix("left_").removeprefix("right_") + "s" for name in names)
    return "the " + " and ".join(parts)
