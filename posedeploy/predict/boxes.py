"""The boxes of the people in a frame, for networks that take one person at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.crops import BOX_FITS
from posedeploy.predict.box_files.box_content import BoxOptions
from posedeploy.predict.box_files.box_finder import FileBoxes
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.poses_json import Producer
from posedeploy.types import Array, ModelSpec, Poses

MARGIN = 0.1
"""Margin added to each side of a detected person's box, relative to its longer side, because heads, hands and
feet extend beyond the joints."""


@dataclass(frozen=True)
class PersonSource:
    """A source of person boxes: ``find`` returns (people, 4) x, y, width, height in px for a frame.

    name: the name of the file or artifact of the boxes. producer: the detector; None for a file. remarks:
    messages on the boxes; complete after the last frame.
    """

    name: str
    find: Callable[[Frame], Array]
    producer: Producer | None = None
    remarks: Sequence[str] = ()


def takes_boxes(spec: ModelSpec) -> bool:
    """Return whether a network takes one person at a time."""
    return spec.contract is not None and spec.contract.fit in BOX_FITS


def read_boxes(path: Path, source: Source, options: BoxOptions | None = None) -> PersonSource:
    """Return the boxes in a file, or in a folder with a file for each image, for the frames of a source.

    Raises:
        InputError: the file cannot be read, is for other images than those of the source, or its boxes are
            likely in another format.
    """
    boxes = FileBoxes(path, source, options or BoxOptions())
    return PersonSource(path.name, boxes, remarks=boxes.remarks)


def boxes_from_detector(detector: Predictor, name: str, producer: Producer | None = None) -> PersonSource:
    """Return the boxes of the people that another network detects, each with a margin.

    Raises:
        InputError: that network itself takes one person at a time.
    """
    if takes_boxes(detector.spec):
        raise InputError(
            f"`detector={name}`: {detector.spec.family} takes one person at a time and cannot detect people; "
            "use a network that detects people in an image, such as lightweight-openpose-2d"
        )
    return PersonSource(name, lambda frame: expand_boxes(detector(frame.image), frame.image), producer)


def expand_boxes(poses: Poses, image: Array) -> Array:
    """Return the (people, 4) boxes of people in a (H, W, 3) image, with ``MARGIN``, clipped to the image."""
    tight = poses.boxes.astype(np.float64)
    margin = MARGIN * tight[:, 2:].max(axis=1, keepdims=True, initial=0)
    low = np.maximum(tight[:, :2] - margin, 0)
    high = np.minimum(tight[:, :2] + tight[:, 2:] + margin, image.shape[1::-1])
    # The smallest possible crop is 2 px; a person whose keypoints all coincide is a false detection.
    is_large = np.isfinite(low).all(axis=1) & (high - low >= 2).all(axis=1)
    expanded: Array = np.concatenate([low, high - low], axis=1)[is_large]
    return expanded
