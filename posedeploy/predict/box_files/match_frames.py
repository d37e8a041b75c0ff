"""Match the boxes of a file with the frames of a source, by name or by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from posedeploy.errors import InputError
from posedeploy.predict.box_files.box_content import Box, ImageKey, RawBoxes, Size
from posedeploy.predict.box_files.match_names import match_names, number_of
from posedeploy.predict.frames import Frame, Source
from posedeploy.printable import listed

MAX_SHOWN = 8


class Matcher:
    """Returns the boxes of frames. remarks: the images without boxes, and the boxes without images."""

    def __init__(self, raw: RawBoxes, source: Source, name: str) -> None:
        """
        Args:
            name: the file of the boxes, for messages.

        Raises:
            InputError: the boxes are for other images than those of the source.
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
            self._by_name, self._by_number = self._match_video(raw, name)
        else:
            self._by_name, self._by_number = self._match_images(name), {}

    def __call__(self, frame: Frame) -> Sequence[Box]:
        """Return the boxes for a frame's name or number, and those for every frame."""
        key = self._key_of(frame)
        own = () if key is None else self._raw.by_image[key]
        return [*self._raw.by_image.get(None, ()), *own]

    def size_of(self, frame: Frame) -> Size | None:
        """Return the size of a frame according to the file of boxes; None if the file does not contain it."""
        key = self._key_of(frame)
        return None if key is None else self._raw.sizes.get(key)

    def _key_of(self, frame: Frame) -> ImageKey:
        return self._by_name.get(frame.name, self._by_number.get(frame.index))

    def _check_one(self, name: str) -> None:
        if self._source.kind == "images" and self._source.total != 1:
            raise InputError(
                f"{name}: its boxes have no image, but {self._source.name} has {self._source.total} images; "
                'write the boxes of each image as {"image": NAME, "boxes": [...]}'
            )

    def _match_images(self, name: str) -> dict[str, ImageKey]:
        images = list(self._source.frame_names)
        matches, ambiguous = self._match_names(name)
        ids = [key for key in self._keys if isinstance(key, int)]
        if not matches and len(images) == len(ids) == 1:  # a single id can only mean the single image
            matches = {images[0]: ids[0]}
        self._report([image for image in images if image not in matches], set(matches.values()), name)
        if not matches:
            raise InputError(
                f"{name}: its boxes are for {listed(list(map(str, self._keys)), MAX_SHOWN)}, not for "
                f"{self._source.name} ({listed(images, MAX_SHOWN)})"
                + (_ID_HINT if all(isinstance(key, int) for key in self._keys) else "")
                + (ambiguous and f"; {ambiguous}")
            )
        return matches

    def _match_video(self, raw: RawBoxes, name: str) -> tuple[dict[str, ImageKey], dict[int, ImageKey]]:
        source = self._source
        video_names = {source.name, PurePosixPath(source.name).stem}
        video_keys = [key for key in self._keys if key in video_names]
        if video_keys:
            return {source.name: video_keys[0]}, {}
        by_name = self._match_names(name)[0] if len(source.inputs) > 1 else {}
        if by_name:
            return by_name, {}
        numbers = {number: key for key in self._keys if (number := number_of(key)) is not None}
        first = _first_number(list(numbers), raw.first_number, source.total)
        if not numbers:
            raise InputError(
                f"{name}: its boxes are for {listed(list(map(str, self._keys)), MAX_SHOWN)}, but "
                f"{source.name} is a video; number its frames, or leave the names out to use the boxes for "
                "every frame"
            )
        if first is None:
            first = 0
            self.remarks.append(
                f"{name}: its frame numbers begin with {min(numbers)} and are assumed to count from 0"
            )
        return {}, {number - first: key for number, key in numbers.items()}

    def _match_names(self, name: str) -> tuple[dict[str, ImageKey], str]:
        """Return the boxes by the names of several images, and a message on names that fit several, or ''."""
        images = dict(zip(self._source.frame_names, self._source.inputs, strict=True))
        matches, ambiguous = match_names(images, self._keys)
        messages = [
            f"{key} fits {listed(fitting, MAX_SHOWN)}; its boxes are used for none of them: write the names "
            "with their folders"
            for key, fitting in list(ambiguous.items())[:MAX_SHOWN]
        ]
        if matches:
            self.remarks += [f"{name}: {message}" for message in messages]
        return matches, messages[0] if messages else ""

    def _report(self, without: Sequence[str], used: set[ImageKey], name: str) -> None:
        others = [str(key) for key in self._keys if key not in used]
        if others and used:
            extra = listed(others, MAX_SHOWN)
            self.remarks.append(f"{name}: boxes for images that {self._source.name} does not have: {extra}")
        if without and used:
            self.remarks.append(
                f"{name}: no boxes for {listed(without, MAX_SHOWN)}, so no people are found in them"
            )


_ID_HINT = (
    "; its numbers are image ids, which match files only by COCO annotations, which list the file names, or "
    "by file names that end with the id"
)


def _first_number(numbers: Sequence[int], stated: int | None, total: int | None) -> int | None:
    """Return the number of the first frame: 0 or 1, or None if the numbers do not imply it."""
    if stated is not None or not numbers:
        return stated
    if min(numbers) == 0:
        return 0
    if min(numbers) == 1 or (total is not None and max(numbers) == total):
        return 1
    return None
