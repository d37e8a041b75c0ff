"""Where the people of a frame are, for networks that look at one person's box at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.crops import CROPPING
from posedeploy.predict.box_files.box_content import BoxOptions
from posedeploy.predict.box_files.box_finder import FileBoxes
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.poses_json import MadeBy
from posedeploy.types import Array, ModelSpec, Poses

GROWTH = 0.1
"""What a found person's box gains on every side, of its longer one: keypoints are joints, and heads, hands
and feet reach beyond them."""


@dataclass(frozen=True)
class PersonSource:
    """Finds the boxes of a frame: ``find`` gives (people, 4) x, y, width, height in px.

    name: the file or artifact that they come from. made_by: the detector, where it is one. remarks: what the
    user must know of the boxes; complete when the frames are through.
    """

    name: str
    find: Callable[[Frame], Array]
    made_by: MadeBy | None = None
    remarks: Sequence[str] = ()


def takes_boxes(spec: ModelSpec) -> bool:
    """Whether a network looks at one person at a time."""
    return spec.contract is not None and spec.contract.fit in CROPPING


def read_boxes(path: Path, source: Source, options: BoxOptions | None = None) -> PersonSource:
    """Return the boxes that a file, or a folder with a file for each image, gives for the frames of a source.

    Raises:
        InputError: it cannot be read, is of other images than the source has, or its boxes are likely written
            in another format.
    """
    found = FileBoxes(path, source, options or BoxOptions())
    return PersonSource(path.name, found, remarks=found.remarks)


def detected_by(detector: Predictor, name: str, made_by: MadeBy | None = None) -> PersonSource:
    """The boxes of the people that another network finds, each grown a little.

    Raises:
        InputError: that network looks at one person at a time itself.
    """
    if takes_boxes(detector.spec):
        raise InputError(
            f"`detector={name}`: {detector.spec.family} looks at one person at a time itself; name a network "
            "that finds the people in an image, such as lightweight-openpose-2d"
        )
    return PersonSource(name, lambda frame: boxes_of(detector(frame.image), frame.image), made_by)


def boxes_of(poses: Poses, image: Array) -> Array:
    """(people, 4) the boxes of people found in a (H, W, 3) image, grown by ``GROWTH`` and kept within it."""
    tight = poses.boxes.astype(np.float64)
    gain = GROWTH * tight[:, 2:].max(axis=1, keepdims=True, initial=0)
    low = np.maximum(tight[:, :2] - gain, 0)
    high = np.minimum(tight[:, :2] + tight[:, 2:] + gain, image.shape[1::-1])
    # Two px are the least that can be cut out; keypoints that all lie in one place are no person's.
    large = np.isfinite(low).all(axis=1) & (high - low >= 2).all(axis=1)
    grown: Array = np.concatenate([low, high - low], axis=1)[large]
    return grown
