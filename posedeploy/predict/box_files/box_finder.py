"""The boxes of a file for the frames of a source."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posedeploy.errors import InputError, MissingPackageError
from posedeploy.poses.crops import format_box
from posedeploy.predict.box_files.box_content import Box, BoxOptions, Size, select_people
from posedeploy.predict.box_files.box_formats import read_raw
from posedeploy.predict.box_files.box_geometry import check_format, fault_in, to_pixels
from posedeploy.predict.box_files.match_frames import Matcher
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.images import read_image
from posedeploy.printable import printable
from posedeploy.types import Array

MAX_SAMPLED_IMAGES = 16
"""Number of images whose sizes are read in advance to check the format."""
MAX_SAMPLED_BOXES = 2000


class FileBoxes:
    """Returns the boxes of each frame, in px.

    remarks: what the file contains that is not used, and why; complete after the last frame.
    """

    def __init__(self, path: Path, source: Source, options: BoxOptions) -> None:
        """
        Raises:
            InputError: the file cannot be read, is for other images than those of the source, or its boxes
                are likely in another format.
        """
        self.name = printable(path.name)
        raw = read_raw(path)
        if raw.remarks and not raw.boxes:
            raise InputError(f"{raw.remarks[0]}; no box remains")
        raw = select_people(raw, options, self.name)
        self._format = options.box_format or raw.box_format
        self._is_stated = options.box_format is not None
        self._matcher = Matcher(raw, source, self.name)
        self._all = raw.boxes
        self._is_checked = not source.is_video
        self._is_size_reported = False
        self.remarks = [*raw.remarks, *self._matcher.remarks]
        if self._is_checked:
            self._check(_sample(source, self._matcher))

    def __call__(self, frame: Frame) -> Array:
        """Return (people, 4) x, y, width, height in px.

        Raises:
            InputError: the boxes of a video do not fit its frames.
        """
        size = frame.image.shape[1], frame.image.shape[0]
        if not self._is_checked:
            step = -(-len(self._all) // MAX_SAMPLED_BOXES) or 1
            self._check([(box, size) for box in self._all[::step]])
            self._is_checked = True
        self._compare_size(frame, size)
        boxes = []
        for box in self._matcher(frame):
            if fault := fault_in(box, self._format, size):
                shown = f"{box.where}: the box {format_box(np.array(box.numbers))} {fault}"
                self.remarks.append(f"{self.name}, {frame.label}: {shown}; it is left out")
            else:
                boxes.append(to_pixels(box, self._format, size))
        return np.array(boxes, np.float64).reshape(-1, 4)

    def _compare_size(self, frame: Frame, size: Size) -> None:
        """Report the first frame whose size differs from that in the file of boxes."""
        stated = self._matcher.size_of(frame)
        if stated is None or stated == size or self._is_size_reported:
            return
        self._is_size_reported = True
        self.remarks.append(
            f"{self.name}: its boxes are for images of another size: {frame.name} has {size[0]}x{size[1]} "
            f"px, but {stated[0]}x{stated[1]} px according to the file; the boxes are used unchanged"
        )

    def _check(self, boxes: list[tuple[Box, Size]]) -> None:
        check_format(boxes, self._format, self.name, is_stated=self._is_stated)


def _sample(source: Source, matcher: Matcher) -> list[tuple[Box, Size]]:
    """Return the boxes of the first images that have some, with the sizes of these images."""
    sample: list[tuple[Box, Size]] = []
    images = 0
    for index, (path, name) in enumerate(zip(source.inputs, source.frame_names, strict=False)):
        boxes = matcher(Frame(name, _NO_IMAGE, index))
        if not boxes:
            continue
        try:
            height, width = read_image(path).shape[:2]
        except (InputError, MissingPackageError):
            continue  # the source reports it
        sample += [(box, (width, height)) for box in boxes]
        images += 1
        if images == MAX_SAMPLED_IMAGES:
            break
    return sample


_NO_IMAGE: Array = np.zeros((1, 1, 3), np.uint8)
