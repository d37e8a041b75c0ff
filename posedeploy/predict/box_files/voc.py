"""Boxes in Pascal VOC's XML: a file for each image."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers import expat

from posedeploy.errors import InputError
from posedeploy.predict.box_files.box_content import Box, ImageKey, RawBoxes, Size, collect, numbers_of
from posedeploy.text_files import read_text

if TYPE_CHECKING:
    from collections.abc import Callable

WHAT = "Pascal VOC's file of an image"
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_annotation(path: Path) -> RawBoxes:
    """Return the boxes of one file.

    Raises:
        InputError: it cannot be read, or is not Pascal VOC's.
    """
    values = _values(path)
    if not values or not values[0][0].startswith("annotation/"):
        raise InputError(f"{path}: not {WHAT}: no <annotation> with <object> and <bndbox> in it")
    texts = dict(reversed(values))
    name = Path(texts.get("annotation/filename") or path.stem).name
    objects = _objects(values)

    def read(values: dict[str, str], where: str) -> tuple[ImageKey, Box]:
        numbers = numbers_of([values[f"bndbox/{corner}"] for corner in CORNERS])
        return name, Box(numbers, where, values.get("name"))

    places = [f"object {index}" for index in range(len(objects))]
    entries: Iterator[tuple[str, Callable[[], tuple[ImageKey, Box]]]] = (
        (where, partial(read, each, where)) for where, each in zip(places, objects, strict=True)
    )
    by_image, remarks = collect(entries, path.name)
    width, height = (texts.get(f"annotation/size/{side}", "") for side in ("width", "height"))
    sizes: dict[ImageKey, Size] = (
        {name: (int(width), int(height))} if width.isdecimal() and height.isdecimal() else {}
    )
    return RawBoxes(by_image or {name: []}, "xyxy", sizes=sizes, remarks=tuple(remarks))


def _objects(values: list[tuple[str, str]]) -> list[dict[str, str]]:
    """The values of each object; a box within a part of one is not the object's."""
    objects: list[dict[str, str]] = []
    for place, text in values:
        if place == "annotation/object/":
            objects.append({})
        elif place.startswith("annotation/object/") and objects:
            objects[-1].setdefault(place.removeprefix("annotation/object/"), text)
    return objects


def _values(path: Path) -> list[tuple[str, str]]:
    """Each element by its place, such as ``annotation/size/width``, with its text; one that begins ends in
    ``/``."""
    places: list[str] = []
    texts: list[str] = []
    found: list[tuple[str, str]] = []
    parser = expat.ParserCreate()

    def begin(name: str, attributes: dict[str, str]) -> None:
        places.append(name)
        texts.clear()
        found.append(("/".join(places) + "/", ""))

    def end(name: str) -> None:
        found.append(("/".join(places), "".join(texts).strip()))
        places.pop()
        texts.clear()

    def refuse(*arguments: object) -> None:
        raise InputError(f"{path}: not {WHAT}: it declares entities, which are not read")

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = texts.append
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(read_text(path, WHAT), True)
    except expat.ExpatError as error:
        raise InputError(f"{path}: not {WHAT}: {error}") from error
    return found
