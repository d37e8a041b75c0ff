"""The images and videos of a comparison, each read once before it begins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from posedeploy.api.model_args import format_paths
from posedeploy.benchmarks.inputs import VideoFrame
from posedeploy.calibration.overlap import OverlapCheck
from posedeploy.errors import InputError
from posedeploy.predict.distinct_names import list_distinct_names
from posedeploy.predict.frames import Source
from posedeploy.predict.image_files import is_image_file, open_several
from posedeploy.predict.sources import open_file
from posedeploy.printable import printable
from posedeploy.types import Array, Calibration

logger = logging.getLogger(__name__)
DEFAULT_FRAMES = 100
"""The number of frames of a video that are compared."""


@dataclass(frozen=True)
class VideoFile:
    """A video. Its first ``frames`` frames are compared."""

    name: str
    path: Path
    frames: int

    def read(self) -> Iterator[tuple[VideoFrame, Array]]:
        """Yield the frames in order, as (H, W, 3) uint8 BGR; one is in memory at a time."""
        with open_file(self.path) as source:
            for number, frame in enumerate(islice(source, self.frames)):
                yield VideoFrame(self.name, number, frame.time_s), frame.image


def split_videos(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the images and folders among these paths, and the other files: videos, animations, and files
    that may be damaged videos."""
    images, videos = list[Path](), list[Path]()
    for path in paths:
        (videos if path.is_file() and _is_video(path) else images).append(path)
    return images, videos


def _is_video(path: Path) -> bool:
    """Return whether a file is a video. A damaged image is not; it is left out when the images are read."""
    try:
        with open_file(path) as source:
            return source.is_video
    except InputError:
        return not is_image_file(path)


def list_files(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return the name that results use, and the path, of each image and video.

    Raises:
        InputError: a path does not exist, or has no image or video.
    """
    images, videos = split_videos(paths)
    named = list[tuple[str, Path]]()
    if images:
        source = open_several(images)
        named += zip(source.frame_names, source.inputs, strict=True)
    return named + _name_videos(videos)


def _name_videos(videos: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return each video once with its file name, and with folders above it where file names repeat."""
    paths = list({path.resolve(): path for path in reversed(videos)}.values())[::-1]
    names = list_distinct_names([(path, printable(path.name)) for path in paths])
    return list(zip(names, paths, strict=True))


def list_readable(
    images: Sequence[Path],
    calibration: Calibration | None,
    prepare: Callable[[str, Array], object] | None = None,
) -> list[tuple[str, Path]]:
    """Return the user's images that can be used, after each was read once. The others are reported at the
    start.

    Args:
        prepare: converts an image with its name to the inputs of the networks, or raises an InputError, such
            as for one that is too thin; None means that all can be used.

    Raises:
        InputError: none of them can be used, or some of them calibrated the network.
    """
    source, overlap = open_several(images), OverlapCheck(calibration)
    readable, unusable = list[tuple[str, Path]](), list[str]()
    for frame in source:
        try:
            if prepare is not None:
                prepare(frame.name, frame.image)
        except InputError as error:
            unusable.append(str(error))
            continue
        overlap.add(frame.name, frame.image)
        readable.append((frame.name, source.inputs[frame.index]))
    if not readable:
        raise InputError(f"`images={format_paths(images)}`: {'; '.join([*source.problems, *unusable])}")
    _report(source)
    for problem in unusable:
        logger.warning(f"left out: {problem}")
    overlap.report(f"`images={format_paths(images)}`", len(readable), "pass other images")
    return readable


def list_videos(
    videos: Sequence[Path], frames: int, calibration: Calibration | None, *, has_images: bool = False
) -> list[VideoFile]:
    """Return the user's videos with the number of their frames, at most ``frames``, after each was read once.

    Videos that cannot be read are reported and left out.

    Args:
        has_images: whether there are images to compare, so that no video is needed.

    Raises:
        InputError: none of them can be read and there are no images, or some frames calibrated the network.
    """
    readable, problems = list[VideoFile](), list[str]()
    for name, path in _name_videos(videos):
        overlap = OverlapCheck(calibration)
        try:
            video = _read_video(name, path, frames, overlap)
        except InputError as error:
            problems.append(str(error))
            continue
        overlap.report(f"`images={path}`", video.frames, "pass another video")
        readable.append(video)
    if problems and not readable and not has_images:
        raise InputError("; ".join(problems))
    for problem in problems:
        logger.warning(f"left out: {problem}")
    return readable


def _read_video(name: str, path: Path, frames: int, overlap: OverlapCheck) -> VideoFile:
    """Read the first frames of a video.

    Raises:
        InputError: it cannot be read.
    """
    count = 0
    with open_file(path) as source:
        for frame in islice(source, frames):
            overlap.add(f"{name}, frame {count}", frame.image)
            count += 1
        total = source.total
        _report(source)
    if count == frames and (total is None or total > count):
        of_all = "frames are" if total is None else f"of {total} frames are"
        logger.info(f"{name}: the first {count} {of_all} compared; pass `frames` to compare more")
    return VideoFile(name, path, count)


def _report(source: Source) -> None:
    for remark in source.remarks:
        logger.info(remark)
    for problem in source.problems:
        logger.warning(problem)
