"""The images that a file is measured on: a part of the user's calibration images, or other ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from posedeploy.calibration.image_selection import Selection, select_images
from posedeploy.errors import InputError
from posedeploy.predict.frames import Frame
from posedeploy.printable import counted, listed

PARTS = 8
HELD_OUT_PARTS = (2, 6)
"""Of ``PARTS`` equal parts of the calibration images in their order. Whole parts, since neighboring frames of
a video nearly repeat each other."""
MIN_IMAGES = 16
"""The fewest calibration images that are split."""
SPLIT = "the third and the seventh of eight equal parts of the calibration images"


def is_held_out(position: int, number: int) -> bool:
    """Return whether the image at a position, of a number of images, is held out from calibration."""
    return position * PARTS // number in HELD_OUT_PARTS


def count_calibrating(number: int) -> int:
    """Return how many of a number of images are not held out."""
    return sum(not is_held_out(position, number) for position in range(number))


def check_split(sources: Sequence[str], selection: Selection) -> None:
    """Check that there are enough images to hold some out.

    Raises:
        InputError: there are too few.
    """
    if not selection.number:
        next(selection.frames)  # raises the reason
    if selection.number < MIN_IMAGES:
        raise InputError(
            f"`calibration={sources[0]}`: {counted(selection.number, 'image')}, too few to hold out a "
            f"quarter of them for measuring{_describe_problems(selection)}; pass at least {MIN_IMAGES}, or "
            "other images for that as `images`"
        )


def _describe_problems(selection: Selection) -> str:
    return f" ({listed(selection.problems)})" if selection.problems else ""


def read_held_out(sources: Sequence[str], count: int) -> Iterator[Frame]:
    """Yield the held-out images of a calibration set of at most ``count`` images.

    Raises:
        InputError: there are too few images, or none can be read.
    """
    selection = select_images(sources, count)
    check_split(sources, selection)
    for position, frame in enumerate(selection.frames):
        if is_held_out(position, selection.number):
            yield frame
