"""A COCO keypoints file (``person_keypoints_*.json``) becomes the people known to be in its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
import numpy as np

from posedeploy.errors import InputError
from posedeploy.text_files import read_json
from posedeploy.types import Array

MAX_BYTES = 1 << 30
"""Those of COCO's train2017 are 240 MB."""
WANTED = "wanted images, annotations and categories as COCO's person_keypoints_val2017.json has them"

_Size: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
_Area: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]


class AnnotatedImage(msgspec.Struct, frozen=True):
    """One entry of ``images``, sizes in px; ``file_name`` is below the folder of the images."""

    id: int
    file_name: str
    width: _Size
    height: _Size


class _Annotation(msgspec.Struct, frozen=True):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: _Area
    keypoints: Sequence[float] = ()
    iscrowd: Literal[0, 1] = 0


class _Category(msgspec.Struct, frozen=True):
    id: int
    name: str
    keypoints: tuple[str, ...] = ()


class _Document(msgspec.Struct, frozen=True):
    images: tuple[AnnotatedImage, ...]
    annotations: list[_Annotation]
    categories: list[_Category]


@dataclass(frozen=True)
class Person:
    """A person who is in an image.

    keypoints: (K, 3) x px, y px, v: 0 not labelled, 1 hidden, 2 seen. box: x, y, width, height in px. area:
    of the person in px^2. crowd: it stands for many, who are not told apart. height: of the box, over the
    image's.
    """

    image_id: int
    keypoints: Array = field(repr=False)
    box: tuple[float, float, float, float]
    area: float
    crowd: bool
    height: float


@dataclass(frozen=True)
class Annotations:
    """What a file says of its images. ``keypoint_names`` are as there; ``category_id`` is a person's."""

    path: Path
    category_id: int
    keypoint_names: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]
    people: tuple[Person, ...]


def read_annotations(path: Path, limit: int | None = None) -> Annotations:
    """The people of the first ``limit`` images of a file, or of all.

    Raises:
        InputError: the file is missing, not JSON, not COCO keypoints, without images, or contradicts itself.
    """
    document = read_json(path, "COCO keypoints", _Document, hint=WANTED, max_bytes=MAX_BYTES)
    if not document.images:
        raise InputError(f"{path}: it lists no images; {WANTED}")
    category = _category(path, document.categories)
    images = {image.id: image for image in document.images}
    if len(images) < len(document.images):
        raise InputError(
            f"{path}: its {len(document.images)} images have only {len(images)} different ids; each wants "
            "its own"
        )
    mine = [annotation for annotation in document.annotations if annotation.category_id == category.id]
    for annotation in mine:
        _check(path, annotation, category, images)
    kept = {image.id: image for image in document.images[:limit]}
    people = [_person(found, kept[found.image_id]) for found in mine if found.image_id in kept]
    return Annotations(path, category.id, category.keypoints, tuple(kept.values()), tuple(people))


def _category(path: Path, categories: Sequence[_Category]) -> _Category:
    """The category with keypoints; among several, the one that is called ``person``."""
    found = [category for category in categories if category.keypoints]
    if len(found) > 1:
        found = [category for category in found if category.name == "person"]
    if len(found) != 1:
        names = ", ".join(category.name for category in categories) or "none"
        raise InputError(
            f"{path}: not COCO keypoints: one category with keypoints, called person among "
            f"several, is wanted; its categories are {names}"
        )
    return found[0]


def _check(
    path: Path, annotation: _Annotation, category: _Category, images: dict[int, AnnotatedImage]
) -> None:
    if annotation.image_id not in images:
        raise InputError(
            f"{path}: it has an annotation of the image {annotation.image_id}, which it does "
            "not list; add the image or remove the annotation"
        )
    if len(annotation.keypoints) != 3 * len(category.keypoints):
        raise InputError(
            f"{path}: an annotation of the image {annotation.image_id} has {len(annotation.keypoints)} "
            f"numbers for its keypoints; wanted x, y and v of each of the {len(category.keypoints)}"
        )


def _person(annotation: _Annotation, image: AnnotatedImage) -> Person:
    return Person(
        image.id,
        np.reshape(annotation.keypoints, (-1, 3)),
        annotation.bbox,
        annotation.area,
        bool(annotation.iscrowd),
        annotation.bbox[3] / image.height,
    )
