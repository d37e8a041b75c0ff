"""The distribution of a measure over all images, with the person and the point of the worst value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posedeploy.types import Array


@dataclass(frozen=True)
class WorstPoint:
    """The point of the worst value on one image.

    person: the number of the person in the reference's result, from 1; None if there is only one, or none.
    point: the name of the keypoint or 3D joint, or the number of the vertex; empty for a measure of people.
    """

    person: int | None = None
    point: str = ""


@dataclass(frozen=True)
class ShownValue:
    """A value, and the image that shows it."""

    value: float
    image: str


@dataclass(frozen=True)
class WorstValue(WorstPoint, ShownValue):
    """The worst value with its point."""

    @property
    def place(self) -> str:
        """Where the value is, such as ``photo.jpg, left_knee of person 2``."""
        return describe_place(self.image, self.person, self.point)


@dataclass(frozen=True)
class Summary:
    """The distribution of one measure over all images.

    count: the number of values. p95: the value that 95% do not exceed (of ``oks``: are not below).
    """

    count: int
    median: ShownValue
    p95: ShownValue
    worst: WorstValue


def find_worst(values: Array, is_value: Array, *, lowest_is_worst: bool = False) -> tuple[int, ...] | None:
    """Return the indices of the worst value in the array that it comes from; None without values.

    Args:
        values: those elements of an array where ``is_value`` is true, in their order.
    """
    if not len(values):
        return None
    at = np.argmin(values) if lowest_is_worst else np.argmax(values)
    return tuple(int(each) for each in np.unravel_index(np.flatnonzero(is_value)[at], is_value.shape))


def describe_place(image: str, person: int | None, point: str) -> str:
    """Return the image with the point and the person on it, such as ``photo.jpg, left_knee of person 2``."""
    parts = [*filter(None, [point]), *([] if person is None else [f"person {person}"])]
    return f"{image}, {' of '.join(parts)}" if parts else image


def summarize(
    values: Sequence[Array],
    images: Sequence[str],
    *,
    lowest_is_worst: bool = False,
    points: Sequence[WorstPoint | None] = (),
) -> Summary | None:
    """Return the distribution of the values, each with its image; None without values.

    Median and percentile are values that occur, the higher one (``lowest_is_worst``: the lower one) where the
    rank lies between two, so that each belongs to an image.

    Args:
        values: an array of each image. images: their names. points: those of the worst value on each image.
    """
    pooled = np.concatenate([np.zeros(0), *values])
    if not len(pooled):
        return None
    image_of = np.repeat(np.arange(len(values)), [len(array) for array in values])
    order = np.argsort(-pooled if lowest_is_worst else pooled, kind="stable")

    def shown(share: float) -> ShownValue:
        at = order[int(np.ceil(share * (len(order) - 1)))]
        return ShownValue(float(pooled[at]), images[image_of[at]])

    worst = (points[image_of[order[-1]]] if points else None) or WorstPoint()
    last = shown(1.0)
    return Summary(
        len(pooled), shown(0.5), shown(0.95), WorstValue(last.value, last.image, worst.person, worst.point)
    )
