"""Boxes in Pascal VOC XML: a file per image."""

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

WHAT = "a Pascal VOC file"
MAX_RECORDED_DEPTH = 5
"""The depth of the deepest Pascal VOC elements: annotation/object/part/bndbox/xmin."""
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_annotation(path: Path) -> RawBoxes:
    """Return the boxes of one file.

    Raises:
        InputError: the file cannot be read, or is not Pascal VOC.
    """
    values = _values(path)
    if not values or not values[0][0].startswith("annotation/"):
        raise InputError(f"{path}: not {WHAT}: no <annotation> with <object> and <bndbox>")
    texts = dict(reversed(values))
    name = Path(texts.get("annotation/filename") or path.stem).name
    objects = _objects(values)

    def read(values: dict[str, str], where: str) -> tuple[ImageKey, Box]:
        numbers = numbers_of([values[f"bndbox/{corner}"] for corner in CORNERS])
        return name, Box(numbers, where, values.get("name"))

    entries: Iterator[tuple[str, Callable[[], tuple[ImageKey, Box]]]] = (
        (f"object {index}", partial(read, each, f"object {index}")) for index, each in enumerate(objects)
    )
    by_image, remarks = collect(entries, path.name)
    width, height = (texts.get(f"annotation/size/{side}", "") for side in ("width", "height"))
    sizes: dict[ImageKey, Size] = (
        {name: (int(width), int(height))} if width.isdecimal() and height.isdecimal() else {}
    )
    return RawBoxes(by_image or {name: []}, "xyxy", sizes=sizes, remarks=tuple(remarks))


def _objects(values: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Return the values of each object, without the boxes of its parts."""
    objects: list[dict[str, str]] = []
    for path, text in values:
        if path == "annotation/object/":
            objects.append({})
        elif path.startswith("annotation/object/") and objects:
            objects[-1].setdefault(path.removeprefix("annotation/object/"), text)
    return objects


def _values(path: Path) -> list[tuple[str, str]]:
    """Return the path and the text of each element, such as ``annotation/size/width``.

    The start of each element is a path that ends in ``/``.
    """
    elements = _Elements(path)
    try:
        elements.parser.Parse(read_text(path, WHAT, max_bytes=MAX_VOC_BYTES), True)
    except expat.ExpatError as error:
        raise InputError(f"{path}: not {WHAT}: {error}") from error
    return elements.values


class _Elements:
    """A recorder of the elements of an XML file down to ``MAX_RECORDED_DEPTH``."""

    def __init__(self, path: Path) -> None:
        self.values: list[tuple[str, str]] = []
        self._path = path
        self._names: list[str] = []
        self._texts: list[str] = []
        self._interned: dict[str, str] = {}
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._texts.append
        self.parser.EntityDeclHandler = self._reject_entity

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if len(name) > MAX_XML_NAME or len(self._names) >= MAX_DEPTH:
            raise self._error(
                f"an element at depth {len(self._names) + 1} with a name of {len(name):,} characters; "
                f"expected at most depth {MAX_DEPTH} and {MAX_XML_NAME} characters"
            )
        self._names.append(name)
        self._texts.clear()
        self._record("/", "")

    def _end(self, name: str) -> None:
        self._record("", "".join(self._texts).strip())
        self._names.pop()
        self._texts.clear()

    def _record(self, end: str, text: str) -> None:
        if len(self._names) <= MAX_RECORDED_DEPTH:
            path = "/".join(self._names) + end
            self.values.append((self._interned.setdefault(path, path), text))

    def _reject_entity(self, *arguments: object) -> None:
        raise self._error("XML entities are not supported; remove their declarations")

    def _error(self, reason: str) -> InputError:
        return InputError(f"{self._path}: not {WHAT}: line {self.parser.CurrentLineNumber}: {reason}")
