"""The tables of images and categories in COCO files, and the image ids of their entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec

from posedeploy.text_files import convert

T = TypeVar("T")

MAX_NUMBER = 1 << 53
"""Limit of image and frame numbers: smaller integers are exact as floats."""
MAX_TIME_S = 1e7

ENTRY_ERRORS = (KeyError, TypeError, ValueError, AttributeError, OverflowError, IndexError)
"""Errors raised by reading a malformed entry."""


class CocoImage(msgspec.Struct, frozen=True):
    """An image of a file. Only our own ``poses.json`` has ``frame`` and ``time_s``, for videos."""

    id: int | str
    file_name: str | None = None
    width: int | None = None
    height: int | None = None
    frame: Annotated[int, msgspec.Meta(ge=0, lt=MAX_NUMBER)] | None = None
    time_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_TIME_S)] | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in px; None unless the file has both."""
        if self.width is None or self.height is None or self.width < 1 or self.height < 1:
            return None
        return self.width, self.height


class CocoCategory(msgspec.Struct, frozen=True):
    """A category of objects. ``keypoints`` are the names of its joints."""

    id: int
    name: str | None = None
    keypoints: tuple[str, ...] = ()


def images_of(document: dict[str, Any]) -> dict[int | str, CocoImage]:
    """Return the images by id, without malformed entries."""
    return {image.id: image for image in _rows(document.get("images"), CocoImage)}


def categories_of(document: dict[str, Any]) -> dict[int, CocoCategory]:
    """Return the categories by id, without malformed entries."""
    return {category.id: category for category in _rows(document.get("categories"), CocoCategory)}


def image_id_of(entry: dict[str, Any]) -> int | str | None:
    """Return the id or name of the image of an annotation or a result.

    Raises:
        ValueError: the id is neither a number nor a name.
    """
    image_id = entry.get("image_id")
    is_number = isinstance(image_id, int) and not isinstance(image_id, bool) and abs(image_id) < MAX_NUMBER
    if not (is_number or isinstance(image_id, str | None)):
        raise ValueError(f"image_id {str(image_id)[:40]}; expected a number or a name")
    return image_id


def reason_of(error: Exception) -> str:
    """Return the reason why an entry is malformed, from one of ``ENTRY_ERRORS``."""
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def call_reader(read: Callable[[], T], form: str, make_error: Callable[[str], Exception]) -> T:
    """Return the result of a reader; one of ``ENTRY_ERRORS`` becomes the caller's error.

    Args:
        form: the form that the document has by its keys.
        make_error: returns the error for a reason.
    """
    try:
        return read()
    except ENTRY_ERRORS as error:
        raise make_error(f"malformed {form}: {reason_of(error)}") from error


def _rows(value: Any, kind: type[T]) -> list[T]:
    rows = []
    for each in value if isinstance(value, list) else ():
        try:
            rows.append(convert(each, kind))
        except msgspec.ValidationError:
            continue
    return rows
