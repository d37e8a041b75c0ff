"""What the user named becomes frames: an image, a folder of images, a video file or a camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from posedeploy.errors import InputError
from posedeploy.predict.frames import Frame, Kind, Source
from posedeploy.predict.images import SUFFIXES, is_image, read_image
from posedeploy.predict.opencv_video import CameraFeed, Video
from posedeploy.printable import printable


class Images(Source):
    """Image files. Where there are several, one that cannot be read is left out and told in ``problems``."""

    kind: Kind = "images"

    def __init__(self, name: str, inputs: tuple[Path, ...], skipped: int = 0) -> None:
        super().__init__(name, inputs, len(inputs), skipped)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self.inputs):
            try:
                if printable(path.name) != path.name:
                    raise InputError(f"{printable(str(path))}: its name is no Unicode; rename it")
                yield Frame(path.name, read_image(path), index)
            except InputError as error:
                if self.total == 1:
                    raise
                self.problems.append(str(error))


def open_source(argument: str) -> Source:
    """What a path or a camera number names, opened.

    Raises:
        InputError: there is nothing by this name, or it holds no images.
    """
    path = Path(argument)
    if path.exists():
        return open_images(path) if path.is_dir() or is_image(path) else _open_video(path)
    if argument.isdecimal():
        return CameraFeed(int(argument))
    raise InputError(
        f"{argument}: no such file or folder; name an image, a folder of images, a video file or a camera "
        "number such as 0"
    )


def open_images(path: Path) -> Images:
    """An image, or the images of a folder.

    Raises:
        InputError: there is nothing at this path, it is no image, or it holds none.
    """
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; name an image or a folder of images")
    if not is_image(path):
        raise InputError(f"{path}: not an image; name an image or a folder of images")
    return Images(path.name, (path,))


def _open_folder(folder: Path) -> Images:
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); name a folder that can") from error
    images = tuple(path for path in files if path.suffix.lower() in SUFFIXES)
    if not images:
        raise InputError(
            f"{folder}: none of its {len(files)} files is named like an image; wanted files that end in "
            f"{', '.join(SUFFIXES)}"
        )
    return Images(folder.name, images, skipped=len(files) - len(images))


def _open_video(path: Path) -> Video:
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); wanted an image or a video, so copy it again")
    return Video(path)
