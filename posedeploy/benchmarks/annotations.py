"""The annotated people of a COCO keypoints file (``person_keypoints_*.json``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from posedeploy.benchmarks.coco_file import CocoEntry, ListedImage, read_coco, read_keypoints
from posedeploy.types import Array

Box: TypeAlias = tuple[float, float, float, float]
"""x, y, width, height in px."""
MAX_COORDINATE = 1e9
"""px; larger values count as infinite."""


@dataclass(frozen=True)
class AnnotatedImage:
    """An image of the file; sizes in px, 0 if the file lacks them."""

    id: int | str
    file_name: str
    width: int
    height: int


@dataclass(frozen=True)
class AnnotatedPerson:
    """An annotated person.

    keypoints: (K, 3) x px, y px, v: 0 not labeled, 1 hidden, 2 visible. area: the area of the person in px^2.
    crowd: the annotation is a group of people. height: the height of the box, relative to the height of the
    image.
    """

    image_id: int | str
    keypoints: Array = field(repr=False)
    box: Box
    area: float
    crowd: bool
    height: float


@dataclass(frozen=True)
class Annotations:
    """The content of a file.

    category_id: the id of the category of people. remarks: a sentence for each value that was ignored or
    filled in. sha256: that of the bytes that were read.
    """

    path: Path
    category_id: int
    keypoint_names: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]
    people: tuple[AnnotatedPerson, ...]
    remarks: tuple[str, ...] = ()
    sha256: str = ""

    def select_images(self, sizes: Mapping[int | str, tuple[int, int]]) -> Annotations:
        """Return the annotations of the images with these ids, with these (width, height)."""
        images = tuple(
            replace(image, width=sizes[image.id][0], height=sizes[image.id][1])
            for image in self.images
            if image.id in sizes
        )
        people = tuple(
            replace(person, height=person.box[3] / sizes[person.image_id][1])
            for person in self.people
            if person.image_id in sizes
        )
        return replace(self, images=images, people=people)


def read_annotations(path: Path, limit: int | None = None) -> Annotations:
    """Return the people of the first ``limit`` images of a file, or of all.

    Missing optional values are filled in, and unreadable annotations are ignored; ``remarks`` lists both.

    Raises:
        InputError: the file is missing, not JSON, not COCO keypoints, without images, or its keypoints are
            unknown.
    """
    remarks: list[str] = []
    images, category, entries, digest = read_coco(path, remarks)
    kept = {image.id: _image(image) for image in images[:limit]}
    entries = [entry for entry in entries if entry.image_id in kept]
    filled: Counter[str] = Counter()
    people = tuple(_person(entry, kept[entry.image_id], len(category.keypoints), filled) for entry in entries)
    remarks += [f"{count} of {len(people)} annotations {what}" for what, count in filled.items()]
    category_id = 1 if category.id is None else category.id
    return Annotations(
        path, category_id, category.keypoints, tuple(kept.values()), people, tuple(remarks), digest
    )


def _image(image: ListedImage) -> AnnotatedImage:
    return AnnotatedImage(image.id, image.file_name, image.width or 0, image.height or 0)


def _person(entry: CocoEntry, image: AnnotatedImage, count: int, filled: Counter[str]) -> AnnotatedPerson:
    """Return the person of an annotation; ``filled`` counts the filled-in values by their description."""
    keypoints = _keypoints(entry, count, filled)
    if entry.iscrowd is None:
        filled["have no iscrowd: read as single people"] += 1
    box = _box(entry)
    if box is None:
        box = _bounding_box(keypoints[keypoints[:, 2] > 0, :2])
        filled["have no bbox: computed from their keypoints"] += 1
    return AnnotatedPerson(
        image.id,
        keypoints,
        box,
        _area(entry, box, filled),
        bool(entry.iscrowd),
        box[3] / (image.height or 1),
    )


def _keypoints(entry: CocoEntry, count: int, filled: Counter[str]) -> Array:
    numbers = read_keypoints(entry)
    if len(numbers) == 2 * count:
        filled["have keypoints without v: those at 0, 0 are read as not labeled"] += 1
        pairs = numbers.reshape(-1, 2)
        numbers = np.column_stack([pairs, 2 * pairs.any(axis=1)]).ravel()
    if len(numbers) != 3 * count:
        if len(numbers):
            filled[f"do not have x, y and v for {count} keypoints: these people are ignored"] += 1
        return np.zeros((count, 3))
    keypoints: Array = numbers.reshape(-1, 3)
    known = (np.abs(keypoints) <= MAX_COORDINATE).all(axis=1, keepdims=True)
    if (~known & (keypoints[:, 2:] != 0)).any():
        filled["have keypoints that are NaN, infinite or null: read as not labeled"] += 1
    return np.where(known, keypoints, 0)


def _box(entry: CocoEntry) -> Box | None:
    box = entry.bbox
    if box is None or len(box) != 4 or not (np.abs(box) <= MAX_COORDINATE).all() or min(box[2:]) < 0:
        return None
    return box[0], box[1], box[2], box[3]


def _bounding_box(points: Array) -> Box:
    if not len(points):
        return 0.0, 0.0, 0.0, 0.0
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def _area(entry: CocoEntry, box: Box, filled: Counter[str]) -> float:
    if entry.area is not None and np.isfinite(entry.area) and entry.area > 0:
        return entry.area
    area = _segmentation_area(entry.segmentation)
    if area > 0:
        filled["have no area: computed from their segmentation"] += 1
        return area
    filled["have no area: computed from their box, which is larger than the person and raises AP"] += 1
    return box[2] * box[3]


def _segmentation_area(segmentation: Any) -> float:
    """Return the area of COCO's polygons or uncompressed run lengths; 0 for anything else."""
    try:
        if isinstance(segmentation, dict):
            area = float(sum(segmentation["counts"][1::2]))
        else:
            area = sum(_polygon_area(polygon) for polygon in segmentation or ())
    except (KeyError, TypeError, ValueError, OverflowError):  # such as compressed run lengths
        return 0.0
    return area if np.isfinite(area) else 0.0


def _polygon_area(polygon: Any) -> float:
    points: Array = np.array(polygon, np.float64).reshape(-1, 2)
    if not (np.abs(points) <= MAX_COORDINATE).all():
        return 0.0
    x, y = points.T
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2
