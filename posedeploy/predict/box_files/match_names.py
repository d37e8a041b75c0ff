"""Match the image names of a file with those of a source: exactly, or by the end of their paths."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeAlias

from posedeploy.predict.box_files.box_content import ImageKey
from posedeploy.printable import printable

MAX_DIGITS = 19
"""Limit of the digits of an image or frame number."""
_LAST_NUMBER = re.compile(r"(\d+)\D*$")

Parts: TypeAlias = tuple[str, ...]


class _Match(NamedTuple):
    """A key of an image. rank: orders the images that match the same key; the smallest is the best."""

    rank: tuple[int, int]
    key: ImageKey


def match_names(
    images: Mapping[str, Path], keys: Sequence[ImageKey]
) -> tuple[dict[str, ImageKey], dict[ImageKey, list[str]]]:
    """Return the key of each image, and the keys that fit several images equally well, with these images.

    A name fits if it is equal, or if one of the paths ends with the other, with or without its suffix. A
    number fits the number at the end of a name.

    Args:
        images: the names of the images, which may have folders, with their files.
    """
    index = _Keys(keys)
    matches: dict[ImageKey, list[tuple[tuple[int, int], str]]] = defaultdict(list)
    for image, path in images.items():
        match = index.find(image, path)
        if match is not None:
            matches[match.key].append((match.rank, image))
    chosen: dict[str, ImageKey] = {}
    ambiguous: dict[ImageKey, list[str]] = {}
    for key, ranked in matches.items():
        best = min(ranked)[0]
        names = [image for rank, image in ranked if rank == best]
        if len(names) == 1:
            chosen[names[0]] = key
        else:
            ambiguous[key] = names
    return {image: chosen[image] for image in images if image in chosen}, ambiguous


def number_of(key: ImageKey) -> int | None:
    """Return a number, or the last number in the stem of a name."""
    if isinstance(key, int):
        return key
    number = _LAST_NUMBER.search(PurePosixPath(key or "").stem)
    return int(number[1]) if number and len(number[1]) < MAX_DIGITS else None


class _Keys:
    """The keys by their names, the ends of their paths, and their numbers."""

    def __init__(self, keys: Iterable[ImageKey]) -> None:
        self._exact: dict[str, ImageKey] = {}
        self._numbers: dict[int, ImageKey] = {}
        self._as_written, self._without_suffix = _Tails(), _Tails()
        for key in keys:
            if isinstance(key, int):
                self._numbers.setdefault(key, key)
            elif key is not None:
                self._add(key)

    def _add(self, key: str) -> None:
        for name in (key, printable(key)):
            self._exact.setdefault(name, key)
        if key.isdecimal() and len(key) < MAX_DIGITS:
            self._numbers.setdefault(int(key), key)
        path = PurePosixPath(key.replace("\\", "/"))
        parts = _parts_of(path)
        if parts:
            self._as_written.add(parts, key)
            self._without_suffix.add((*parts[:-1], printable(path.stem)), key)

    def find(self, image: str, file: Path) -> _Match | None:
        """Return the key that fits an image best; None if none or several do."""
        if image in self._exact:
            return _Match((0, 0), self._exact[image])
        path = PurePosixPath(image)
        parts, stem = _parts_of(file), printable(path.stem)
        bare = (*parts[:-1], stem)
        searches = ((self._as_written, parts), (self._as_written, bare), (self._without_suffix, bare))
        for level, (tails, form) in enumerate(searches, 1):
            length, keys = tails.find(form, len(path.parts))
            if keys:
                return _Match((level, -length), keys[0]) if len(keys) == 1 else None
        number = number_of(stem)
        if number is None or number not in self._numbers:
            return None
        return _Match((len(searches) + 1, 0), self._numbers[number])


class _Tails:
    """Keys by the last parts of their paths."""

    def __init__(self) -> None:
        self._whole: dict[Parts, list[ImageKey]] = defaultdict(list)
        self._ends: dict[Parts, list[ImageKey]] = defaultdict(list)
        self._longest = 0

    def add(self, parts: Parts, key: ImageKey) -> None:
        self._whole[parts].append(key)
        for start in range(1, len(parts)):
            self._ends[parts[start:]].append(key)
        self._longest = max(self._longest, len(parts))

    def find(self, parts: Parts, required: int) -> tuple[int, list[ImageKey]]:
        """Return the number of last parts in common, and the keys with most of them.

        Args:
            required: the number of last parts that a longer key must share.
        """
        for length in range(min(len(parts), self._longest), 0, -1):
            tail = parts[-length:]
            keys = self._whole.get(tail, [])
            if length >= required:
                keys = keys + self._ends.get(tail, [])
            if keys:
                return length, keys
        return 0, []


def _parts_of(path: PurePosixPath | Path) -> Parts:
    return tuple(printable(part) for part in path.parts if part not in (path.anchor, "..", "."))
