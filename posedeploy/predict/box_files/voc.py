"""Boxes in Pascal VOC's XML: a file for each image."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers import expat

from posedeploy.errors import InputError
from posedeploy.limits import MAX_DEPTH, MAX_VOC_BYTES, MAX_XML_NAME
from posedeploy.predict.box_files.box_content import Box, ImageKey, RawBoxes, Size, collect, numbers_of
from posedeploy.text_files import read_text

if TYPE_CHECKING:
    from collections.abc import Callable

WHAT = "Pascal VOC's file of an image"
RECORDED = 5
"""How deep Pascal VOC's elements lie: annotation/object/part/bndbox/xmin."""
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
    elements = _Elements(path)
    try:
        elements.parser.Parse(read_text(path, WHAT, max_bytes=MAX_VOC_BYTES), True)
    except expat.ExpatError as error:
        raise InputError(f"{path}: not {WHAT}: {error}") from error
    return elements.found


class _Elements:
    """What a parser comes by: the elements that are not deeper than any that is read."""

    def __init__(self, path: Path) -> None:
        self.found: list[tuple[str, str]] = []
        self._path = path
        self._places: list[str] = []
        self._texts: list[str] = []
        self._known: dict[str, str] = {}
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._texts.append
        self.parser.EntityDeclHandler = self._refuse_entity

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if len(name) > MAX_XML_NAME or len(self._places) >= MAX_DEPTH:
            raise self._refusal(
                f"an element is {len(self._places) + 1} deep with a name of {len(name):,} characters, and "
                f"may be {MAX_DEPTH} deep with {MAX_XML_NAME}"
            )
        self._places.append(name)
        self._texts.clear()
        self._record("/", "")

    def _end(self, name: str) -> None:
        self._record("", "".join(self._texts).strip())
        self._places.pop()
        self._texts.clear()

    def _record(self, end: str, text: str) -> None:
        if len(self._places) <= RECORDED:
            place = "/".join(self._places) + end
            self.found.append((self._known.setdefault(place, place), text))

    def _refuse_entity(self, *arguments: object) -> None:
        raise self._refusal("it declares entities, which are not read")

    def _refusal(self, why: str) -> InputError:
        return InputError(f"{self._path}: not {WHAT}: line {self.parser.CurrentLineNumber}: {why}")
