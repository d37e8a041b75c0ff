"""The boxes of a file, for the frames of a source."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posedeploy.errors import InputError, MissingPackageError
from posedeploy.poses.crops import listed
from posedeploy.predict.box_files.box_content import Box, BoxOptions, Size, of_people
from posedeploy.predict.box_files.box_formats import read_raw
from posedeploy.predict.box_files.box_geometry import check_format, converted, fault_in
from posedeploy.predict.box_files.match_frames import Matcher
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.images import read_image
from posedeploy.printable import printable
from posedeploy.types import Array

JUDGED_IMAGES = 16
"""Images that are read beforehand for their sizes."""
JUDGED_BOXES = 2000


class FileBoxes:
    """Gives the boxes of each frame, in px.

    remarks: what of the file is not used and why; complete when the frames are through.
    """

    def __init__(self, path: Path, source: Source, options: BoxOptions) -> None:
        """
        Raises:
            InputError: the file cannot be read, is of other images than the source has, or its boxes are
                likely written in another format.
        """
        self.name = printable(path.name)
        raw = read_raw(path)
        if raw.remarks and not raw.boxes:
            raise InputError(f"{raw.remarks[0]}, and no box is left")
        raw = of_people(raw, options, self.name)
        self._format = options.box_format or raw.box_format
        self._is_stated = options.box_format is not None
        self._matcher = Matcher(raw, source, self.name)
        self._all = raw.boxes
        self._is_judged = not source.is_video
        self._is_size_told = False
        self.remarks = [*raw.remarks, *self._matcher.remarks]
        if self._is_judged:
            self._check(_sampled(source, self._matcher))

    def __call__(self, frame: Frame) -> Array:
        """Return (people, 4) x, y, width, height in px.

        Raises:
            InputError: the boxes of a video do not fit its frames.
        """
        size = frame.image.shape[1], frame.image.shape[0]
        if not self._is_judged:
            step = -(-len(self._all) // JUDGED_BOXES) or 1
            self._check([(box, size) for box in self._all[::step]])
            self._is_judged = True
        self._compare_size(frame, size)
        kept = []
        for box in self._matcher(frame):
            found = converted(box, self._format, size)
            fault = fault_in(box, self._format, size)
            if fault:
                at = frame.name if frame.time_s is None else f"{frame.name}, frame {frame.index}"
                shown = f"{box.where}: the box {listed(np.array(box.numbers))} {fault}"
                self.remarks.append(f"{self.name}, {at}: {shown}; it is left out")
            else:
                kept.append(found)
        return np.array(kept, np.float64).reshape(-1, 4)

    def _compare_size(self, frame: Frame, size: Size) -> None:
        """Tell, once, of a frame of another size than that which the file of the boxes says."""
        stated = self._matcher.size_of(frame)
        if stated is None or stated == size or self._is_size_told:
            return
        self._is_size_told = True
        self.remarks.append(
            f"{self.name}: its boxes are of images of another size: {frame.name} is {size[0]}x{size[1]} "
            f"px, and there it is {stated[0]}x{stated[1]}; they are used as they are"
        )

    def _check(self, boxes: list[tuple[Box, Size]]) -> None:
        check_format(boxes, self._format, self.name, is_stated=self._is_stated)


def _sampled(source: Source, matcher: Matcher) -> list[tuple[Box, Size]]:
    """The boxes of the first images that have some, with the sizes of these."""
    boxes: list[tuple[Box, Size]] = []
    images = 0
    for index, (path, name) in enumerate(zip(source.inputs, source.frame_names, strict=False)):
        found = matcher(Frame(name, _NO_IMAGE, index))
        if not found:
            continue
        try:
            height, width = read_image(path).shape[:2]
        except (InputError, MissingPackageError):
            continue  # the source says so when its turn comes
        boxes += [(box, (width, height)) for box in found]
        images += 1
        if images == JUDGED_IMAGES:
            break
    return boxes


_NO_IMAGE: Array = np.zeros((1, 1, 3), np.uint8)
