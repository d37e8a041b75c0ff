"""The tables of images and categories in COCO's files, and what an entry says of its image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec

from posedeploy.text_files import convert

T = TypeVar("T")

MAX_NUMBER = 1 << 53
"""Of images and frames: what lies below is exact in a float."""
MAX_TIME_S = 1e7

ENTRY_ERRORS = (KeyError, TypeError, ValueError, AttributeError, OverflowError, IndexError)
"""What reading an entry of another form than it should have raises."""


class CocoImage(msgspec.Struct, frozen=True):
    """An image of a file. ``frame`` and ``time_s`` are those of a video, in our own ``poses.json``."""

    id: int | str
    file_name: str | None = None
    width: int | None = None
    height: int | None = None
    frame: Annotated[int, msgspec.Meta(ge=0, lt=MAX_NUMBER)] | None = None
    time_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_TIME_S)] | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in px, where the file has both."""
        if self.width is None or self.height is None or self.width < 1 or self.height < 1:
            return None
        return self.width, self.height


class CocoCategory(msgspec.Struct, frozen=True):
    """What is in a box. ``keypoints`` are the names of its joints."""

    id: int
    name: str | None = None
    keypoints: tuple[str, ...] = ()


def images_of(document: dict[str, Any]) -> dict[int | str, CocoImage]:
    """Return the images by id; an entry that is none is left out."""
    return {image.id: image for image in _rows(document.get("images"), CocoImage)}


def categories_of(document: dict[str, Any]) -> dict[int, CocoCategory]:
    """Return the categories by id; an entry that is none is left out."""
    return {category.id: category for category in _rows(document.get("categories"), CocoCategory)}


def image_id_of(entry: dict[str, Any]) -> int | str | None:
    """Return the id or name of the image that an annotation or a result is of.

    Raises:
        ValueError: it is neither a number nor a name.
    """
    image_id = entry.get("image_id")
    is_number = isinstance(image_id, int) and not isinstance(image_id, bool) and abs(image_id) < MAX_NUMBER
    if not (is_number or isinstance(image_id, str | None)):
        raise ValueError(f"image_id {str(image_id)[:40]}; wanted a number or a name")
    return image_id


def reason_of(error: Exception) -> str:
    """Return what is wrong with an entry, from an error of ``ENTRY_ERRORS``."""
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def guarded(read: Callable[[], T], form: str, refuse: Callable[[str], Exception]) -> T:
    """Return what a reader gives; an error of ``ENTRY_ERRORS`` becomes the caller's.

    Args:
        form: what the document looks like.
        refuse: makes the error of a reason.
    """
    try:
        return read()
    except ENTRY_ERRORS as error:
        raise refuse(f"it looks like {form}, and is not: {reason_of(error)}") from error


def _rows(value: Any, kind: type[T]) -> list[T]:
    rows = []
    for each in value if isinstance(value, list) else ():
        try:
            rows.append(convert(each, kind))
        except msgspec.ValidationError:
            continue
    return rows
