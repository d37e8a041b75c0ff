"""Open sources: an image, a folder of images, a pattern, a video file, a stream or a camera."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from posedeploy import plugins
from posedeploy.errors import InputError, MissingPackageError
from posedeploy.input_files import check_regular, is_apple_double
from posedeploy.predict.animations import Animation, is_animated
from posedeploy.predict.frames import Source
from posedeploy.predict.image_files import (
    Images,
    describe_skipped_files,
    is_image_file,
    open_images,
    relative_names,
)
from posedeploy.predict.image_sequence import ImageSequence, find_numbered, is_pattern
from posedeploy.predict.images import check_declared_size, is_image
from posedeploy.predict.opencv_video import CameraFeed, OpenCvReader
from posedeploy.predict.urls import SCHEMES, hide_password, local_path, scheme_of
from posedeploy.printable import printable

STREAMED_ANIMATIONS = (".gif",)
MAX_DIGITS, MAX_CAMERAS = 10, 2**31
"""OpenCV's camera numbers have 32 bits."""
CAMERA = re.compile(r"/dev/video(\d+)")
"""The device of a camera, with its number."""
MOTION_JPEG = (".mjpg", ".mjpeg")
"""Suffixes of videos that are concatenated JPEGs, so that their content begins like an image."""


def open_source(
    argument: str, fps: float | None = None, *, recursive: bool = False, without: Path | None = None
) -> Source:
    """Open a path, a pattern such as ``%06d.png`` or ``*.jpg``, a URL or a camera number.

    Args:
        fps: frames per second of images and of formats without times; turns several images into a video.
        recursive, without: as in ``open_images``, for a folder.

    Raises:
        InputError: the source does not exist, has no images, or has its own times while ``fps`` is given.
    """
    argument = local_path(argument)
    path = Path(argument)
    if path.is_dir() or recursive:
        images = open_images(path, recursive=recursive, without=without)
        return images if fps is None else _as_video(images, fps)
    if camera := CAMERA.fullmatch(argument):
        return _open_live(camera[1], fps)
    if path.exists():
        return open_file(path, fps)
    if scheme_of(argument) is None and is_pattern(argument):
        return ImageSequence(path.name, find_numbered(path), fps)
    if scheme_of(argument) is None and glob.has_magic(argument):
        return _open_glob(argument, fps)
    return _open_live(argument, fps)


def is_camera_number(argument: str) -> bool:
    """Return whether an argument is a number that a camera may have."""
    return argument.isdecimal() and len(argument) <= MAX_DIGITS and int(argument) < MAX_CAMERAS


def _open_live(argument: str, fps: float | None) -> Source:
    scheme = scheme_of(argument)
    is_number = is_camera_number(argument)
    known = scheme in SCHEMES or is_number
    if known and fps is not None:
        raise InputError(f"`fps={fps:g}`: a stream or a camera has its own times; leave `fps` out")
    if is_number:
        return CameraFeed(int(argument))
    if scheme in SCHEMES:
        reader: Callable[[str], Source] = plugins.load("posedeploy.predict.stream_reader:StreamReader")
        return reader(argument)
    if scheme is not None:
        raise InputError(
            f"{hide_password(argument)}: unsupported URL scheme; expected a file, or a URL that begins with "
            f"{'://, '.join(SCHEMES)}://"
        )
    raise InputError(
        f"{argument}: no such file or folder; pass an image, a folder of images, a video, a pattern such as "
        "'frames/%06d.png' or 'photos/*.jpg', a stream such as rtsp://camera/1, or a camera number such as 0"
    )


def open_file(path: Path, fps: float | None = None) -> Source:
    """Open an existing file: an image, a video or an animation.

    Raises:
        InputError: it is neither, or is an image while ``fps`` is not None.
    """
    size = check_regular(path, "an image or a video").st_size
    try:
        if size == 0:
            raise InputError(
                f"{path}: the file is empty (0 bytes); expected an image or a video; copy it again"
            )
        check_declared_size(path)
        if is_animated(path):
            return _open_animation(path, fps)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); pass a readable file") from error
    if is_image(path) and path.suffix.lower() not in MOTION_JPEG:
        if fps is not None:
            raise InputError(f"`fps={fps:g}`: {path.name} is a single image; leave `fps` out")
        return Images(path.name, (path,))
    return _open_video(path, fps)


def _open_animation(path: Path, fps: float | None) -> Source:
    """Open an animation with FFmpeg if it reads the format, as it decodes truncated files up to their end.

    A PNG is always read by FFmpeg: OpenCV's reader crashes on some damaged ones.
    """
    with path.open("rb") as file:
        is_png = file.read(4) == b"\x89PNG"
    if is_png or (path.suffix.lower() in STREAMED_ANIMATIONS and plugins.version_of("av")):
        return _open_video(path, fps)
    return Animation(path, fps)


def _open_glob(argument: str, fps: float | None) -> Source:
    names = glob.glob(argument, recursive=True)  # noqa: PTH207, which takes no absolute pattern
    paths = _unique_files(path for name in names if not (path := Path(name)).is_dir())
    if len(paths) == 1:
        return open_file(paths[0], fps)
    images = tuple(path for path in paths if is_image_file(path))
    if not images:
        raise InputError(
            f"{argument}: "
            + (
                f"matches {len(paths)} files, none of them an image; pass one video at a time"
                if paths
                else "matches no file; check the folder and the suffix"
            )
        )
    taken = set(images)
    others = [path for path in paths if path not in taken]
    skipped = tuple(printable(str(path)) for path in others)
    folder = Path(os.path.commonpath([path.parent for path in images]))
    source = Images(Path(argument).name, images, relative_names(images, folder), skipped)
    source.remarks += describe_skipped_files(skipped, others)
    return source if fps is None else _as_video(source, fps)


def _unique_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files in order, each by its shortest path: ``**`` also follows links to parent folders."""
    by_real_path: dict[Path, Path] = {}
    for path in sorted(paths, key=lambda path: len(path.parts)):
        if not is_apple_double(path):
            by_real_path.setdefault(path.parent.resolve() / path.name, path)
    return sorted(by_real_path.values())


def _as_video(images: Images, fps: float) -> Source:
    """Return a video of images, with what was skipped and could not be read."""
    video = ImageSequence(images.name, list(enumerate(images.inputs)), fps, names=images.frame_names)
    video.skipped = images.skipped
    video.problems += images.problems
    video.remarks += images.remarks
    return video


def _open_video(path: Path, fps: float | None) -> Source:
    try:
        reader: Callable[[Path, float | None], Source] = plugins.load(
            "posedeploy.predict.video_reader:VideoReader"
        )
    except MissingPackageError:
        return OpenCvReader(path, fps)
    return reader(path, fps)
