"""Accuracy of a network on annotated images: AP and AR by OKS, as COCO defines them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from posedeploy.benchmarks.annotations import Annotations
from posedeploy.benchmarks.detections import Detection, Keypoints, to_detections
from posedeploy.benchmarks.oks import THRESHOLDS, compute_precision_recall, is_scored
from posedeploy.errors import InputError
from posedeploy.types import Poses, RuntimeInfo

SliceName = Literal["all", "large"]

MIN_HEIGHTS: dict[SliceName, float] = {"all": 0.0, "large": 1 / 3}
"""The minimum height of people in each slice, relative to the height of the image."""


@dataclass(frozen=True)
class Slice:
    """The scores of people of at least a height, relative to the height of the image.

    people: the number of annotated people that count. precision, recall: at each of ``THRESHOLDS``; empty
    without people. All averages are then None.
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
        return _value_at(0.5, self.precision)

    @property
    def ap75(self) -> float | None:
        """The average precision at OKS 0.75."""
        return _value_at(0.75, self.precision)

    @property
    def ar(self) -> float | None:
        """The average recall over OKS 0.50 to 0.95, of the 20 best detections per image."""
        return _mean(self.recall)

    @property
    def ar50(self) -> float | None:
        """The recall at OKS 0.50."""
        return _value_at(0.5, self.recall)

    @property
    def ar75(self) -> float | None:
        """The recall at OKS 0.75."""
        return _value_at(0.75, self.recall)


@dataclass(frozen=True)
class Evaluation:
    """The scores of a network on annotated images.

    keypoints: those scored. unscored_keypoints: those that only the annotations or only the network has.
    """

    label: str
    runtime_info: RuntimeInfo
    images: int
    keypoints: tuple[str, ...]
    unscored_keypoints: tuple[str, ...]
    detections: tuple[Detection, ...] = field(repr=False)
    slices: tuple[Slice, ...]


def check_people(annotations: Annotations, common: Keypoints) -> None:
    """Check that the annotations have a person to score.

    Raises:
        InputError: no image has a person with a labeled keypoint among those scored.
    """
    if not any(is_scored(person, common) for person in annotations.people):
        raise InputError(
            f"{annotations.path}: nothing to score: none of the {len(annotations.images)} evaluated images "
            "has a person with labels for the keypoints of the network "
            f"({', '.join(common.names)}); evaluate other images"
        )


def evaluate(
    label: str,
    runtime_info: RuntimeInfo,
    annotations: Annotations,
    common: Keypoints,
    poses: Iterable[tuple[int, Poses]],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Score the poses of the annotated images.

    Args:
        poses: the poses of images, each with its index in ``annotations.images``. Images without an entry,
            and the people in them, are not scored.

    Raises:
        InputError: there is no person to score.
    """
    check_people(annotations, common)
    detected: list[Detection] = []
    sizes: dict[int | str, tuple[int, int]] = {}
    for index, people in poses:
        image = annotations.images[index]
        sizes[image.id] = image.width, image.height
        detected += to_detections(people, image, common)
        on_progress(index + 1, len(annotations.images))
    if len(sizes) < len(annotations.images):
        annotations = annotations.select_images(sizes)
        check_people(annotations, common)
    slices = tuple(_score_slice(name, annotations, detected, common) for name in MIN_HEIGHTS)
    return Evaluation(label, runtime_info, len(sizes), common.names, common.unscored, tuple(detected), slices)


def _score_slice(
    name: SliceName, annotations: Annotations, detected: list[Detection], common: Keypoints
) -> Slice:
    min_height = MIN_HEIGHTS[name]
    precision, recall = compute_precision_recall(annotations.people, detected, common, min_height)
    people = sum(is_scored(person, common, min_height) for person in annotations.people)
    return Slice(name, min_height, people, tuple(precision.tolist()), tuple(recall.tolist()))


def _mean(values: tuple[float, ...]) -> float | None:
    return float(np.mean(values)) if values else None


def _value_at(threshold: float, values: tuple[float, ...]) -> float | None:
    return values[THRESHOLDS.index(threshold)] if values else None
