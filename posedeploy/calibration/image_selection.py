"""The images of a calibration set: evenly spaced among those of folders, files and videos."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posedeploy.errors import InputError, MissingPackageError
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.image_files import Images
from posedeploy.predict.sources import open_source
from posedeploy.predict.urls import hide_password, local_path, scheme_of
from posedeploy.printable import listed

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Selection:
    """Selected images.

    number: of all selected images, some of which may not be readable. frames: those that can be read; raises
    an InputError if there are none. problems: why sources have no images.
    """

    number: int
    frames: Iterator[Frame]
    problems: tuple[str, ...]


def select_images(names: Sequence[str], count: int) -> Selection:
    """Select at most ``count`` images, evenly spaced over those of all sources.

    What cannot be read is logged by name and left out.

    Raises:
        InputError: a source is a camera or a stream.
    """
    problems: list[str] = []
    totals = {name: total for name in names if (total := _count(name, problems))}
    positions = _positions(totals, count)
    number = sum(map(len, positions.values()))
    return Selection(number, _read(names, positions, problems), tuple(problems))


def _read(names: Sequence[str], positions: Mapping[str, set[int]], problems: list[str]) -> Iterator[Frame]:
    read = 0
    for name, wanted in positions.items():
        for frame in _read_images(name, wanted, problems):
            read += 1
            yield frame
    if not read:
        raise InputError(
            f"`calibration={names[0]}`: no image can be read: {listed(problems) or 'it is empty'}"
        )
    for problem in problems:
        logger.warning(f"left out of the calibration set: {problem}")


def _count(name: str, problems: list[str]) -> int:
    """Return the number of images of a source, reading those of a video that does not record it."""
    if _is_live(name):
        raise InputError(
            f"`calibration={hide_password(name)}`: a camera or a stream, which gives other images each time; "
            "pass images, folders of images or videos"
        )
    try:
        with open_source(name) as source:
            return sum(1 for _ in source) if source.total is None else source.total
    except MissingPackageError as error:
        problems.append(str(error))
    except InputError as error:
        problems.append(str(error))
    return 0


def _is_live(name: str) -> bool:
    path = local_path(name)
    if path.startswith("/dev/"):
        return True
    return not Path(path).exists() and (path.isdecimal() or scheme_of(path) is not None)


def _positions(totals: Mapping[str, int], count: int) -> dict[str, set[int]]:
    """Return the images to take of each source, by position: evenly spaced over the row of all images."""
    everything = sum(totals.values())
    taken = (
        [index * everything // count for index in range(count)] if everything > count else range(everything)
    )
    positions, start = {}, 0
    for name, total in totals.items():
        positions[name] = {position - start for position in taken if start <= position < start + total}
        start += total
    return positions


def _read_images(name: str, wanted: set[int], problems: list[str]) -> Iterator[Frame]:
    try:
        with open_source(name) as source:
            if isinstance(source, Images):  # reads none of the others
                yield from _read_image_files(source, wanted)
            else:
                yield from _read_video_frames(source, wanted)
            problems += source.problems
            for remark in source.remarks:
                logger.info(remark)
    except (InputError, MissingPackageError) as error:
        problems.append(str(error))


def _read_image_files(source: Images, wanted: set[int]) -> Iterator[Frame]:
    yield from source.select(wanted)


def _read_video_frames(source: Source, wanted: set[int]) -> Iterator[Frame]:
    for position, frame in enumerate(source):
        if position in wanted:
            yield frame
        if position >= max(wanted, default=-1):
            return
