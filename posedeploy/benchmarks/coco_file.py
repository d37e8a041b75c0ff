"""Read COCO keypoints files, with the values that other tools omit or write differently."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from posedeploy.benchmarks.whole_body import BODY, REMARK, WholeBodyParts, list_names, to_numbers
from posedeploy.errors import InputError
from posedeploy.input_files import read_bytes
from posedeploy.limits import MAX_COCO_BYTES, MAX_SIDE
from posedeploy.poses.coco_keypoints import KEYPOINTS
from posedeploy.text_files import convert, parse_json
from posedeploy.types import Array

WHAT = "COCO keypoints"
EXPECTED = "expected images, annotations and categories as in COCO's person_keypoints_val2017.json"
NAMES_BY_COUNT = {
    17: KEYPOINTS,
    23: (
        *KEYPOINTS,
        *(f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel")),
    ),
    133: list_names(),
}
"""The keypoints of COCO's own sets (body, body and feet, whole body) by their number, which identifies
them."""

T = TypeVar("T")
_Length: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_SIDE)] | None
_Size: TypeAlias = tuple[_Length, _Length]
MAX_DIGITS = 18
"""Limit of the digits of an id that is written as a string."""


class ListedImage(msgspec.Struct, frozen=True):
    """One entry of ``images``; sizes in px or None. ``file_name`` is relative to the folder of the images."""

    id: int | str
    file_name: str
    width: int | None = None
    height: int | None = None


class _ImageEntry(msgspec.Struct, frozen=True):
    """The same as it is in a file."""

    id: int | str
    file_name: str
    width: Any = None
    height: Any = None


class CocoEntry(WholeBodyParts, frozen=True, kw_only=True):
    """One entry of ``annotations``; missing values are None or empty."""

    image_id: int | str
    category_id: int | None = None
    bbox: Sequence[float] | None = None
    area: float | None = None
    segmentation: Any = None
    keypoints: Any = ()
    iscrowd: bool | int | None = None


class PersonCategory(msgspec.Struct, frozen=True):
    """One entry of ``categories``."""

    id: int | None
    name: str = "person"
    keypoints: tuple[str, ...] = ()


class _Document(msgspec.Struct, frozen=True):
    images: list[Any]
    annotations: list[Any]
    categories: list[Any] = msgspec.field(default_factory=list)


def read_coco(
    path: Path, remarks: list[str]
) -> tuple[tuple[ListedImage, ...], PersonCategory, list[CocoEntry], str]:
    """Return the images of a file, its category of people with keypoint names, the annotations of these
    people, and the SHA-256 of the bytes that were read.

    Args:
        remarks: a sentence is appended for each value that is ignored or filled in.

    Raises:
        InputError: the file is missing, not JSON, not COCO keypoints, without images, or its keypoints are
            unknown.
    """
    content = read_bytes(path, WHAT, MAX_COCO_BYTES)
    digest = hashlib.sha256(content).hexdigest()
    document: _Document = parse_json(content, path, WHAT, _Document, hint=EXPECTED, nan=True)
    del content  # up to 1 GiB
    images = tuple(_images(document.images, remarks))
    if not images:
        raise InputError(f"{path}: no images{f' ({remarks[-1]})' if document.images else ''}; {EXPECTED}")
    ids = {image.id for image in images}
    if len(ids) < len(images):
        raise InputError(
            f"{path}: {len(images)} images have {len(ids)} different ids; expected one id per image"
        )
    entries = list(_entries(document.annotations, ids, remarks))
    categories = [each for _, each in _read(document.categories, PersonCategory, "categories", remarks)]
    category = _category(path, categories, entries, remarks)
    people = [entry for entry in entries if entry.category_id == category.id]
    if len(category.keypoints) == BODY and any(entry.has_parts for entry in people):
        remarks.append(REMARK)
        category = msgspec.structs.replace(category, keypoints=list_names())
    if len(category.keypoints) == len(list_names()):
        people = [_with_parts(entry) for entry in people]
    return images, category, people, digest


def _with_parts(entry: CocoEntry) -> CocoEntry:
    """Return an entry that has only the keypoints of the body with empty lists of the parts."""
    is_body = not entry.has_parts and len(to_numbers(entry.keypoints)) == 3 * BODY
    return msgspec.structs.replace(entry, foot_kpts=()) if is_body else entry


def read_keypoints(entry: CocoEntry) -> Array:
    """Return the numbers of an entry's keypoints in one row, NaN for null; empty if they are not numbers."""
    numbers = to_numbers(entry.keypoints)
    return entry.join(numbers) if entry.has_parts else numbers


def _read(entries: list[Any], type: type[T], name: str, remarks: list[str]) -> Iterator[tuple[int, T]]:
    """Yield the readable entries with their places in a list. Numbers may be strings, or floats for integers.

    Args:
        name: of the list in the file.
    """
    broken = []
    for number, each in enumerate(entries):
        try:
            yield number, convert(each, type, strict=False)
        except msgspec.ValidationError as error:
            broken.append(f"{name}[{number}]: {error}")
    if broken:
        remarks.append(f"{len(broken)} of {len(entries)} {name} cannot be read and are ignored: {broken[0]}")


def _images(entries: list[Any], remarks: list[str]) -> Iterator[ListedImage]:
    """Yield the readable images. A size that is not in px is ignored: the sizes are optional."""
    broken = []
    for number, entry in _read(entries, _ImageEntry, "images", remarks):
        try:
            size = convert((entry.width, entry.height), _Size, strict=False)
        except msgspec.ValidationError as error:
            broken.append(f"images[{number}]: {error}")
            size = None, None
        yield ListedImage(entry.id, entry.file_name, *size)
    if broken:
        remarks.append(
            f"the sizes of {len(broken)} of {len(entries)} images cannot be read and are ignored: {broken[0]}"
        )


def _entries(annotations: list[Any], ids: set[int | str], remarks: list[str]) -> Iterator[CocoEntry]:
    """Yield the readable annotations of listed images."""
    unlisted = []
    for number, entry in _read(annotations, CocoEntry, "annotations", remarks):
        image_id = _listed_id(entry.image_id, ids)
        if image_id is not None:
            yield msgspec.structs.replace(entry, image_id=image_id)
        else:
            unlisted.append(f"annotations[{number}] belongs to the image {entry.image_id!r}")
    if unlisted:
        remarks.append(
            f"{len(unlisted)} of {len(annotations)} annotations of unlisted images are ignored: {unlisted[0]}"
        )


def _listed_id(image_id: int | str, ids: set[int | str]) -> int | str | None:
    """Return the id as it is listed: a number may be a string, or the other way round; None if it is not."""
    if image_id in ids:
        return image_id
    other = str(image_id) if isinstance(image_id, int) else _number_or_none(image_id)
    return other if other in ids else None


def _number_or_none(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else None


def _category(
    path: Path, categories: list[PersonCategory], entries: list[CocoEntry], remarks: list[str]
) -> PersonCategory:
    """Return the category with keypoints, or the one called ``person`` of several.

    Missing keypoint names follow from the number of keypoints.
    """
    candidates = [category for category in categories if category.keypoints]
    if not candidates:
        used = {entry.category_id for entry in entries if len(read_keypoints(entry))}
        candidates = [category for category in categories if category.id in used]
        candidates = candidates or [PersonCategory(each) for each in used if not categories]
    if len(candidates) > 1:
        candidates = [category for category in candidates if category.name.lower() == "person"]
    if len(candidates) != 1:
        names = ", ".join(category.name for category in categories) or "none"
        raise InputError(
            f"{path}: not COCO keypoints: expected one category with keypoints, or one named person; the "
            f"categories are {names}"
        )
    (category,) = candidates
    if category.keypoints:
        return category
    return msgspec.structs.replace(category, keypoints=_names(path, category, entries, remarks))


def _names(
    path: Path, category: PersonCategory, entries: list[CocoEntry], remarks: list[str]
) -> tuple[str, ...]:
    lengths = Counter(len(read_keypoints(entry)) for entry in entries if entry.category_id == category.id)
    del lengths[0]
    for length, _ in lengths.most_common(1):
        for count, names in NAMES_BY_COUNT.items():
            if length in (3 * count, 2 * count):
                reading = f"its {count} keypoints are read as COCO's"
                remarks.append(f"category {category.name} has no keypoint names: {reading}")
                return names
    counts = " or ".join(f"{length / 3:g}" for length, _ in lengths.most_common(2)) or "no"
    raise InputError(
        f"{path}: the category {category.name} has no keypoint names, and {counts} keypoints per annotation "
        'do not identify a set; add "keypoints": ["name", ...] to the category'
    )
