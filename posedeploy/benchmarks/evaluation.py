"""How well a network finds the people who are known to be there: COCO's AP and AR by OKS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from posedeploy.benchmarks.annotations import Annotations
from posedeploy.benchmarks.detections import Detection, Keypoints, detections
from posedeploy.benchmarks.oks import THRESHOLDS, counts, precision_and_recall
from posedeploy.errors import InputError
from posedeploy.types import Poses, RuntimeInfo

SliceName = Literal["all", "large"]

MIN_HEIGHTS: dict[SliceName, float] = {"all": 0.0, "large": 1 / 3}
"""The people who are scored by themselves: from which height on, over the image's."""


@dataclass(frozen=True)
class Slice:
    """Some of the people by themselves, from a height (over the image's) on.

    people: how many there are to find. precision, recall: at each of ``THRESHOLDS``; empty where there are
    no people. Every average is None then.
    """

    name: SliceName
    min_height: float
    people: int
    precision: tuple[float, ...]
    recall: tuple[float, ...]

    @property
    def ap(self) -> float | None:
        """The average precision over OKS 0.50 to 0.95."""
        return _mean(self.precision)

    @property
    def ap50(self) -> float | None:
        """The average precision at OKS 0.50."""
        return _at(0.5, self.precision)

    @property
    def ap75(self) -> float | None:
        """The average precision at OKS 0.75."""
        return _at(0.75, self.precision)

    @property
    def ar(self) -> float | None:
        """The average recall over OKS 0.50 to 0.95, of the 20 best detections of each image."""
        return _mean(self.recall)

    @property
    def ar50(self) -> float | None:
        """The recall at OKS 0.50."""
        return _at(0.5, self.recall)

    @property
    def ar75(self) -> float | None:
        """The recall at OKS 0.75."""
        return _at(0.75, self.recall)


@dataclass(frozen=True)
class Evaluation:
    """A network on annotated images. ``keypoints`` alone were scored; ``left_out`` only one side has."""

    label: str
    runtime_info: RuntimeInfo
    images: int
    keypoints: tuple[str, ...]
    left_out: tuple[str, ...]
    detections: tuple[Detection, ...] = field(repr=False)
    slices: tuple[Slice, ...]


def check_people(annotations: Annotations, common: Keypoints) -> None:
    """Refuse annotations by which nothing can be scored.

    Raises:
        InputError: no image has a person with a labeled keypoint among those scored.
    """
    if not any(counts(person, common) for person in annotations.people):
        raise InputError(
            f"{annotations.path}: none of the {len(annotations.images)} images evaluated has a person with "
            f"labeled keypoints of those the network finds ({', '.join(common.names)}), so there is nothing "
            "to score"
        )


def evaluate(
    label: str,
    runtime_info: RuntimeInfo,
    annotations: Annotations,
    common: Keypoints,
    poses: Iterable[tuple[int, Poses]],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Score what was found in the annotated images.

    Args:
        poses: of each image, with its place among ``annotations.images``. An image without any is not scored,
            and neither are the people in it.

    Raises:
        InputError: there is no one to find.
    """
    check_people(annotations, common)
    found: list[Detection] = []
    sizes: dict[int | str, tuple[int, int]] = {}
    for place, people in poses:
        image = annotations.images[place]
        sizes[image.id] = image.width, image.height
        found += detections(people, image, common)
        on_progress(place + 1, len(annotations.images))
    if len(sizes) < len(annotations.images):
        annotations = annotations.select_images(sizes)
        check_people(annotations, common)
    slices = tuple(_slice(name, annotations, found, common) for name in MIN_HEIGHTS)
    return Evaluation(label, runtime_info, len(sizes), common.names, common.left_out, tuple(found), slices)


def _slice(name: SliceName, annotations: Annotations, found: list[Detection], common: Keypoints) -> Slice:
    min_height = MIN_HEIGHTS[name]
    precision, recall = precision_and_recall(annotations.people, found, common, min_height)
    people = sum(counts(person, common, min_height) for person in annotations.people)
    return Slice(name, min_height, people, tuple(precision.tolist()), tuple(recall.tolist()))


def _mean(values: tuple[float, ...]) -> float | None:
    return float(np.mean(values)) if values else None


def _at(threshold: float, values: tuple[float, ...]) -> float | None:
    return values[THRESHOLDS.index(threshold)] if values else None
