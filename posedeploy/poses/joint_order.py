"""Whether 2D joints are in the order of a joint set, by the proportions of the people that they would make.

A distance within a body, such as a thigh or that of the pelvis from the middle of the hips, has a largest
length in an image, whatever the pose and the view. Lengths are taken over the size of the person, the root
mean square distance of the joints from their middle. Joints in another order make distances far beyond.

``LIMIT`` and ``FITS`` were measured on the people that ``synthetic`` draws, in poses of every kind and seen
from any direction: the largest of a person's ratios was at most 5.6 where the camera stands upright, 10 in 1
of 3000 seen from anywhere, and over 9 for 97 % of the people in another set's order of as many joints. On
photographs and two videos, of 654 people found by a trained network the largest was 6.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import JointSet
from posedeploy.poses.file_joint_sets import KNOWN_SETS
from posedeploy.types import Array

FITS = 5.7
"""Joints in the right order rarely exceed this ratio."""
LIMIT = 9.0
"""No body has such proportions, from whatever side."""
CLEARLY_BETTER = 0.6
MIN_DISTANCES = 6
"""With fewer, nothing can be said."""
SLACK = 0.04
"""Of the stature: how far joints of different detectors and datasets are apart."""

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
"""Two places, each the middle of these joints, and how far apart they are, as a share of the stature."""
MEASURED = frozenset(name for one, other, _ in DISTANCES for name in (*one, *other))


@dataclass(frozen=True)
class Fit:
    """How well people fit a set.

    ratio: the largest of a person's distances over its share of the stature and the person's size, the median
    of the people; NaN where too little is known. worst: what is most wrong, a phrase. is_crossed: whether the
    hips (or the ears) lie the other way round than the shoulders in most of the people where that can be
    seen. odd: the people whose own ratio is over ``LIMIT``.
    """

    ratio: float
    worst: str = ""
    is_crossed: bool = False
    odd: tuple[int, ...] = ()

    @property
    def is_wrong(self) -> bool:
        """Whether no people are so."""
        return self.is_crossed or self.ratio > LIMIT

    @property
    def is_good(self) -> bool:
        """Whether people may well be so."""
        return not self.is_crossed and self.ratio <= FITS


def fit_of(people: Array, joint_set: JointSet) -> Fit:
    """Return how well (people, joints, 3) fit a set; a joint that is missing has a score under 0."""
    at = {coco_name(name): index for index, name in enumerate(joint_set.joints)}
    columns = [index for name, index in at.items() if name in MEASURED]
    points = np.where(people[..., 2:] < 0, np.nan, people[..., :2])
    known = [row for row in DISTANCES if all(name in at for name in (*row[0], *row[1]))]
    unknown = Fit(float("nan"))
    if not len(people) or len(known) < MIN_DISTANCES:
        return unknown
    sizes = _sizes(points[:, columns])
    ratios = np.stack([_ratio(points, at, row) for row in known], axis=1) / sizes[:, None]
    enough = np.isfinite(ratios).sum(axis=1) >= MIN_DISTANCES
    if not enough.any():
        return unknown
    ratios[~np.isfinite(ratios)] = 0.0  # a distance of which an end is missing is never the largest
    largest = np.where(enough, ratios.max(axis=1), 0.0)
    ratio = float(np.median(largest[enough]))
    crossed = next((pair for pair in PAIRS if _crossed(points[enough], sizes[enough], at, pair)), None)
    worst = _phrase(np.median(ratios[enough], axis=0), known, joint_set, at)
    if crossed is not None and ratio <= LIMIT:
        worst = f"left and right are crossed between {_words(crossed[0])} and {_words(crossed[1])}"
    return Fit(ratio, worst, crossed is not None, tuple(np.flatnonzero(largest > LIMIT).tolist()))


def likely_set(people: Array, besides: JointSet) -> tuple[JointSet, Fit] | None:
    """Return the known set of as many joints that (people, joints, 3) fit best, and how well; None where
    there is no other set that can be judged."""
    others = (each for each in KNOWN_SETS.values() if len(each) == people.shape[1] and each is not besides)
    return best_set(people, others)


def best_set(people: Array, sets: Iterable[JointSet]) -> tuple[JointSet, Fit] | None:
    """Return the one of these sets that the people fit best, and how well."""
    fits = [(each, fit_of(people, each)) for each in sets]
    judged = [(each, fit) for each, fit in fits if np.isfinite(fit.ratio)]
    return min(judged, key=lambda pair: (pair[1].is_crossed, pair[1].ratio), default=None)


def upside_down(people: Array, joint_set: JointSet) -> bool:
    """Whether nearly all of the people have the shoulders below the hips, and these below the ankles."""
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
"""What lies the same way round, and how far apart left and right must be in both, over the person's size:
seen from the side nothing can be said, and heads turn further than hips."""
OPPOSITE = -0.7
"""The cosine of the angle between the two from which on they point in opposite directions."""


def _crossed(
    points: Array, sizes: Array, at: dict[str, int], pair: tuple[_Points, _Points, float, float]
) -> bool:
    if not all(name in at for name in (*pair[0], *pair[1])):
        return False
    across = [points[:, at[names[0]]] - points[:, at[names[1]]] for names in pair[:2]]
    widths = [np.linalg.norm(vector, axis=1) for vector in across]
    seen = (widths[0] > pair[2] * sizes) & (widths[1] > pair[3] * sizes)
    cosines = (across[0] * across[1]).sum(axis=1)[seen] / (widths[0] * widths[1])[seen]
    crossed = int((cosines < OPPOSITE).sum())
    return crossed > 0.1 * len(points) and crossed > 0.5 * int(seen.sum())


def _sizes(points: Array) -> Array:
    """(people,) the root mean square distance of the joints from their middle."""
    known = np.isfinite(points)
    counts = known.sum(axis=1, keepdims=True)
    middle = np.where(known, points, 0).sum(axis=1, keepdims=True) / np.maximum(counts, 1)
    squared = np.where(known, points - middle, 0.0) ** 2
    mean = squared.sum(axis=(1, 2)) / np.maximum(counts[:, 0, 0], 1)
    sizes: Array = np.sqrt(np.maximum(mean, 1e-12))
    return sizes


def _ratio(points: Array, at: dict[str, int], row: tuple[_Points, _Points, float]) -> Array:
    """(people,) a distance in px over its share of the stature."""
    one, other = (points[:, [at[name] for name in names]].mean(axis=1) for names in row[:2])
    ratio: Array = np.linalg.norm(one - other, axis=1) / (row[2] + SLACK)
    return ratio


def _phrase(
    ratios: Array, known: list[tuple[_Points, _Points, float]], joint_set: JointSet, at: dict[str, int]
) -> str:
    """The distance that is most telling: the first of the middles that is off, or else the largest."""
    middles = [index for index, row in enumerate(known) if len(row[1]) > 1 and ratios[index] > LIMIT]
    worst = middles[0] if middles else int(ratios.argmax())
    one, other, _ = known[worst]
    name = joint_set.joints[at[one[0]]]
    if len(other) > 1:
        return f"{name} is not near the middle of {_words(other)}"
    times = ratios[worst] / FITS
    return f"{name} to {joint_set.joints[at[other[0]]]} is {times:.1f} times as long as in any person"


def _words(names: _Points) -> str:
    parts = dict.fromkeys(name.removeprefix("left_").removeprefix("right_") + "s" for name in names)
    return "the " + " and ".join(parts)
