"""Boxes in JSON: our own two forms, COCO results and annotations, and LabelMe files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from posedeploy.errors import InputError
from posedeploy.limits import MAX_JSON_BYTES
from posedeploy.predict.box_files.box_content import Box, ImageKey, RawBoxes, Size, collect, numbers_of
from posedeploy.predict.coco_tables import call_reader, categories_of, image_id_of, images_of
from posedeploy.text_files import read_json

WHAT = (
    'a JSON list of boxes [x, y, width, height] in px, or of {"image": NAME, "boxes": [...]}, COCO results '
    "or annotations, or a LabelMe file"
)
COCO_PERSON = ("1",)
CORNERS = {"rectangle": 2, "polygon": 3, "linestrip": 2}
"""The LabelMe shapes that have a bounding box, with their minimum number of points."""

Document: TypeAlias = Any
_Entries: TypeAlias = Iterator[tuple[str, Callable[[], tuple[ImageKey, Box]]]]


def read_document(path: Path) -> RawBoxes:
    """Return the boxes of a JSON file.

    Raises:
        InputError: the file cannot be read, or its form is unknown.
    """
    document = read_json(path, WHAT, max_bytes=MAX_JSON_BYTES, nan=True)
    for form, is_it, read in FORMS:
        if is_it(document):
            return call_reader(partial(read, document, path), form, lambda why: InputError(f"{path}: {why}"))
    raise InputError(f"{path}: not {WHAT}")


def _has(document: Document, *keys: str) -> bool:
    return isinstance(document, dict) and all(isinstance(document.get(key), list) for key in keys)


def _any_has(document: Document, key: str) -> bool:
    return isinstance(document, list) and any(isinstance(each, dict) and key in each for each in document)


def _read_labelme(document: Document, path: Path) -> RawBoxes:
    name = str(document.get("imagePath") or path.stem).replace("\\", "/").rpartition("/")[2]
    by_image, remarks = collect(_shapes(document["shapes"], name), path.name)
    width, height = document.get("imageWidth"), document.get("imageHeight")
    is_known = isinstance(width, int) and isinstance(height, int)
    sizes: dict[ImageKey, Size] = {name: (width, height)} if is_known else {}
    return RawBoxes(by_image or {name: []}, "xyxy", sizes=sizes, remarks=tuple(remarks))


def _shapes(shapes: list[Any], name: str) -> _Entries:
    def read(shape: Any, where: str) -> tuple[ImageKey, Box]:
        kind = shape.get("shape_type") or "polygon"
        if kind not in CORNERS or len(shape["points"]) < CORNERS[kind]:
            raise ValueError(f"a {kind} of {len(shape['points'])} points has no bounding box")
        columns = list(zip(*((float(x), float(y)) for x, y in shape["points"]), strict=True))
        corners = numbers_of([min(columns[0]), min(columns[1]), max(columns[0]), max(columns[1])])
        return name, Box(corners, where, str(shape["label"]), _score_of(shape))

    for index, shape in enumerate(shapes):
        where = f"shape {index}"
        yield where, partial(read, shape, where)


def _read_annotations(document: Document, path: Path) -> RawBoxes:
    images = images_of(document)
    names = {number: category.name or str(number) for number, category in categories_of(document).items()}

    def key_of(image_id: ImageKey) -> ImageKey:
        image = None if image_id is None else images.get(image_id)
        if image is None:
            return image_id
        return image.frame if image.frame is not None else image.file_name or image_id

    by_image, remarks = collect(_read_coco(document["annotations"], "annotation", key_of, names), path.name)
    empty: dict[ImageKey, list[Box]] = {key_of(number): [] for number in images}
    sizes = {key_of(number): image.size for number, image in images.items() if image.size is not None}
    first = 0 if any(image.frame is not None for image in images.values()) else None
    return RawBoxes(empty | by_image, "xywh", COCO_PERSON, first, sizes, tuple(remarks))


def _read_results(document: Document, path: Path) -> RawBoxes:
    by_image, remarks = collect(_read_coco(document, "entry", lambda image_id: image_id, {}), path.name)
    return RawBoxes(by_image, "xywh", COCO_PERSON, remarks=tuple(remarks))


def _read_coco(
    entries: list[Any], what: str, key_of: Callable[[ImageKey], ImageKey], names: Mapping[int, str]
) -> _Entries:
    def read(entry: Any, where: str) -> tuple[ImageKey, Box]:
        category = entry.get("category_id")
        if entry.get("iscrowd"):
            raise ValueError("a crowd, not one person")
        label = names.get(category, str(category)) if isinstance(category, int) else category
        box = Box(
            numbers_of(entry["bbox"]),
            where,
            None if label is None else str(label),
            _score_of(entry),
        )
        return key_of(image_id_of(entry)), box

    for index, entry in enumerate(entries):
        where = f"{what} {entry.get('id', index) if isinstance(entry, dict) else index}"
        yield where, partial(read, entry, where)


def _score_of(entry: Any) -> float | None:
    score = entry.get("score")
    try:
        return None if score is None else float(score)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the score {score!r}; expected a number") from error


def _read_named(document: Document, path: Path) -> RawBoxes:
    unnamed = [each for each in document if not isinstance(each, dict)]
    if unnamed:
        raise InputError(f"{path}: some boxes have no image; put each box in the boxes of its image")
    entries: list[tuple[str, Callable[[], tuple[ImageKey, Box]]]] = []
    empty: dict[ImageKey, list[Box]] = {}
    for index, each in enumerate(document):
        key = _key_of(each)
        if key is None or not _has(each, "boxes"):
            entries.append((f"entry {index}", _reject_unnamed))
            continue
        empty[key] = []
        image = key if isinstance(key, str) else f"frame {key}"
        for number, box in enumerate(each["boxes"]):
            where = f"box {number} of {image}"
            entries.append((where, partial(_plain_box, key, box, where)))
    by_image, remarks = collect(entries, path.name)
    framed = any(isinstance(key, int) for key in empty)
    return RawBoxes(empty | by_image, first_number=0 if framed else None, remarks=tuple(remarks))


def _key_of(entry: dict[str, Any]) -> ImageKey:
    """Return the name of an image, or the number of a frame; None if there is neither."""
    name, frame = entry.get("image"), entry.get("frame")
    if isinstance(name, str):
        return name
    return frame if isinstance(frame, int) and not isinstance(frame, bool) and frame >= 0 else None


def _reject_unnamed() -> tuple[ImageKey, Box]:
    raise ValueError('no "image" with a name (or "frame" with a number), or no list of "boxes"')


def _read_plain(document: Document, path: Path) -> RawBoxes:
    if document and not any(isinstance(each, list) and len(each) in (4, 5) for each in document):
        raise InputError(f"{path}: not {WHAT}: {str(document[0])[:80]}")
    by_image, remarks = collect(
        (
            (f"box {index}", partial(_plain_box, None, box, f"box {index}"))
            for index, box in enumerate(document)
        ),
        path.name,
    )
    empty: dict[ImageKey, list[Box]] = {None: []}
    return RawBoxes(empty | by_image, remarks=tuple(remarks))


def _plain_box(name: ImageKey, box: Any, where: str) -> tuple[ImageKey, Box]:
    """Read four numbers, with an optional fifth one as the score."""
    if not isinstance(box, list) or any(isinstance(value, str) for value in box):
        raise ValueError(f"{box!r}; expected a list of four numbers")
    score = float(box[4]) if len(box) == 5 else None
    return name, Box(numbers_of(box[:4] if score is not None else box), where, None, score)


FORMS: tuple[tuple[str, Callable[[Document], bool], Callable[[Document, Path], RawBoxes]], ...] = (
    ("LabelMe file", lambda document: _has(document, "shapes"), _read_labelme),
    ("COCO annotations", lambda document: _has(document, "annotations"), _read_annotations),
    ("COCO results", lambda document: _any_has(document, "bbox"), _read_results),
    ("boxes by image", lambda document: _any_has(document, "boxes"), _read_named),
    ("list of boxes", lambda document: isinstance(document, list), _read_plain),
)
"""Name, test and reader of each known form; the first one that matches is used."""
