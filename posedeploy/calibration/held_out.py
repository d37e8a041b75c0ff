"""The images that a file is measured on: a part of the user's calibration images, or other ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from posedeploy.calibration.image_selection import select_images
from posedeploy.errors import InputError
from posedeploy.predict.frames import Frame

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


def check_split(sources: Sequence[str], number: int) -> None:
    """Check that there are enough images to hold some out.

    Raises:
        InputError: there are too few.
    """
    if number < MIN_IMAGES:
        raise InputError(
            f"`calibration={sources[0]}`: {number} images, too few to hold out a quarter of them for "
            f"measuring; pass at least {MIN_IMAGES}, or other images for that as `images`"
        )


def read_held_out(sources: Sequence[str], count: int) -> Iterator[Frame]:
    """Yield the held-out images of a calibration set of at most ``count`` images.

    Raises:
        InputError: there are too few images, or none can be read.
    """
    number, frames = select_images(sources, count)
    check_split(sources, number)
    for position, frame in enumerate(frames):
        if is_held_out(position, number):
            yield frame
