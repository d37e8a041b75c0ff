"""The keys under which the poses in a frame of a video are stored: hashes of the input of the network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from posedeploy.errors import InputError
from posedeploy.predict.chain import Boxes
from posedeploy.predict.frames import Frame
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.types import Array

KeyOf: TypeAlias = Callable[[Frame], str]
"""Returns the key of a frame. Frames with the same key have the same poses."""


def choose_keys(options: PredictOptions) -> tuple[PredictOptions, KeyOf]:
    """Return the function that returns keys, and options that read the boxes of each frame only once.

    The key is the SHA-256 of the pixels, and of the boxes of the frame if they are from a file. For a file of
    2D joints, it is the SHA-256 of the joints and of the number of the frame.
    """
    persons, joints = options.person_source, options.joint_source
    if joints is not None and joints.producer is None:
        find = joints.find
        return options, lambda frame: _hash(next(iter(find([frame], None)))[1].joints, str(frame.index))
    if persons is None or persons.producer is not None:
        return options, lambda frame: _hash(frame.image)
    boxes = _LastBoxes(persons.find)
    remembered = replace(options, person_source=replace(persons, find=boxes))
    return remembered, lambda frame: _hash(frame.image, _hash(boxes(frame)))


class _LastBoxes:
    """The boxes of the last frame, for its key and then for the network. A file of boxes reports its problems
    each time it returns boxes, so it is called only once for each frame."""

    def __init__(self, find: Boxes) -> None:
        self._find = find
        self._frame: Frame | None = None
        self._boxes: Array = np.zeros((0, 4))

    def __call__(self, frame: Frame) -> Array:
        if frame is not self._frame:
            try:
                self._boxes = self._find(frame)
            except InputError as error:
                raise InputError(f"{frame.name}: {error}") from error
            self._frame = frame
        return self._boxes


def _hash(array: Array, suffix: str = "") -> str:
    digest = hashlib.sha256(np.ascontiguousarray(array).data)
    digest.update(f"{array.shape} {array.dtype} {suffix}".encode())
    return digest.hexdigest()
