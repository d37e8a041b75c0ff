"""Which boxes of a file are of which frame of a source: by name, or by number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from posedeploy.errors import InputError
from posedeploy.predict.box_files.box_content import Box, ImageKey, RawBoxes, Size
from posedeploy.predict.frames import Frame, Source
from posedeploy.printable import listed, printable

SHOWN = 8
MAX_DIGITS = 19
"""Of the number of an image or a frame."""
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


class Matcher:
    """Finds the boxes of frames. ``remarks`` say which have none, and which boxes are of no frame."""

    def __init__(self, raw: RawBoxes, source: Source, name: str) -> None:
        """
        Args:
            name: the file of the boxes, for messages.

        Raises:
            InputError: the boxes are not of the source's images.
        """
        self.remarks: list[str] = []
        self._raw = raw
        self._keys = [key for key in raw.by_image if key is not None]
        self._source = source
        self._by_name: Mapping[str, ImageKey] = {}
        self._by_number: Mapping[int, ImageKey] = {}
        if not self._keys:
            self._check_one(name)
        elif source.is_video:
            self._by_name, self._by_number = self._of_a_video(raw, name)
        else:
            self._by_name, self._by_number = self._of_images(name), {}

    def __call__(self, frame: Frame) -> Sequence[Box]:
        """Return the boxes of a frame: those of its name or number, and those of every frame."""
        key = self._key_of(frame)
        own = () if key is None else self._raw.by_image[key]
        return [*self._raw.by_image.get(None, ()), *own]

    def size_of(self, frame: Frame) -> Size | None:
        """Return the size of a frame by the file of the boxes, where it has that."""
        key = self._key_of(frame)
        return None if key is None else self._raw.sizes.get(key)

    def _key_of(self, frame: Frame) -> ImageKey:
        return self._by_name.get(frame.name, self._by_number.get(frame.index))

    def _check_one(self, name: str) -> None:
        if self._source.kind == "images" and self._source.total != 1:
            raise InputError(
                f"{name}: {self._source.name} has {self._source.total} images, so each box must say which "
                'it is of: {"image": NAME, "boxes": [...]}'
            )

    def _of_images(self, name: str) -> dict[str, ImageKey]:
        images = list(self._source.frame_names)
        keys = _keys_by_form(self._keys)
        found: dict[str, ImageKey] = {
            image: key for image in images if (key := _key_of(image, keys)) is not None
        }
        ids = [key for key in self._keys if isinstance(key, int)]
        if not found and len(images) == len(ids) == 1:  # whatever its number, it is of the only image
            found = {images[0]: ids[0]}
        self._tell(name, images, [image for image in images if image not in found], set(found.values()))
        if not found:
            raise InputError(
                f"{name}: it has boxes of {listed(list(map(str, self._keys)), SHOWN)}, and none of "
                f"{self._source.name} ({listed(images, SHOWN)})"
                + (_ID_HINT if all(isinstance(key, int) for key in self._keys) else "")
            )
        return found

    def _of_a_video(self, raw: RawBoxes, name: str) -> tuple[dict[str, ImageKey], dict[int, ImageKey]]:
        source = self._source
        whole = {source.name, PurePosixPath(source.name).stem}
        named = [key for key in self._keys if key in whole]
        if named:
            return {source.name: named[0]}, {}
        names = (
            {path.name: index for index, path in enumerate(source.inputs)} if len(source.inputs) > 1 else {}
        )
        keys = _keys_by_form(self._keys)
        by_image = {names[image]: key for image in names if (key := _key_of(image, keys)) is not None}
        numbers = by_image or {number: key for key in self._keys if (number := _number_of(key)) is not None}
        first = 0 if by_image else _first(list(numbers), raw.first_number, source.total)
        if not numbers:
            raise InputError(
                f"{name}: it has boxes of {listed(list(map(str, self._keys)), SHOWN)}, and {source.name} is "
                "a video; number its frames, or give boxes without a name, which are of every frame"
            )
        if first is None:
            first = 0
            self.remarks.append(
                f"{name}: its frames are taken to be counted from 0, as from {min(numbers)} on"
            )
        return {}, {number - first: key for number, key in numbers.items()}

    def _tell(self, name: str, images: Sequence[str], without: Sequence[str], used: set[ImageKey]) -> None:
        others = [str(key) for key in self._keys if key not in used]
        if others and used:
            self.remarks.append(
                f"{name}: boxes of what {self._source.name} does not have: {listed(others, SHOWN)}"
            )
        if without and used:
            self.remarks.append(f"{name}: no boxes for {listed(without, SHOWN)}: nobody is looked for there")


_ID_HINT = (
    "; numbers are the ids of images, which only COCO's annotations, with the names of the files, or names "
    "that end with them tell"
)


def _keys_by_form(keys: Sequence[ImageKey]) -> dict[str | int, ImageKey]:
    """The keys by all that an image may be found by: the name, its last part, its stem, and a number."""
    forms: dict[str | int, ImageKey] = {}
    for key in keys:
        forms.setdefault(key if key is not None else "", key)
        if isinstance(key, str):
            if key.isdecimal() and len(key) < MAX_DIGITS:
                forms.setdefault(int(key), key)
            last = PurePosixPath(key.replace("\\", "/")).name
            for form in (printable(key), printable(last), last, PurePosixPath(last).stem):
                forms.setdefault(form, key)
    return forms


def _key_of(image: str, keys: Mapping[str | int, ImageKey]) -> ImageKey:
    last = PurePosixPath(image).name
    number = _number_of(PurePosixPath(last).stem)
    forms = (image, last, PurePosixPath(last).stem, number)
    return next((keys[form] for form in forms if form is not None and form in keys), None)


def _number_of(key: ImageKey) -> int | None:
    if isinstance(key, int):
        return key
    found = _LAST_NUMBER.search(PurePosixPath(key or "").stem)
    return int(found[1]) if found and len(found[1]) < MAX_DIGITS else None


def _first(numbers: Sequence[int], stated: int | None, total: int | None) -> int | None:
    """What frames are counted from: 0 or 1, or None where the numbers do not tell."""
    if stated is not None or not numbers:
        return stated
    if min(numbers) == 0:
        return 0
    if min(numbers) == 1 or (total is not None and max(numbers) == total):
        return 1
    return None
