"""The lists in COCO-WholeBody annotations with the keypoints of feet, faces and hands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from posedeploy.joint_sets import set_named
from posedeploy.types import Array

BODY = 17
PARTS: Mapping[str, int] = {"foot": 6, "face": 68, "lefthand": 21, "righthand": 21}
"""The keypoints of each part, in the order of the 133 keypoints after those of the body."""
REMARK = (
    "the keypoints of feet, faces and hands are read from foot_kpts, face_kpts, lefthand_kpts, righthand_kpts"
)


class WholeBodyParts(msgspec.Struct, frozen=True):
    """The lists of one annotation: x px, y px and v of each keypoint; None if it has no such list.

    The ``valid`` fields are false for parts that are not annotated.
    """

    foot_kpts: Any = None
    face_kpts: Any = None
    lefthand_kpts: Any = None
    righthand_kpts: Any = None
    foot_valid: bool | int | None = None
    face_valid: bool | int | None = None
    lefthand_valid: bool | int | None = None
    righthand_valid: bool | int | None = None

    @property
    def has_parts(self) -> bool:
        """Whether the annotation has one of the lists."""
        return any(getattr(self, f"{part}_kpts") is not None for part in PARTS)

    def join(self, body: Array) -> Array:
        """Return the numbers of all 133 keypoints after those of the body; missing ones are not labeled."""
        parts = [self._numbers(part, count) for part, count in PARTS.items()]
        return np.concatenate([body if len(body) == 3 * BODY else np.zeros(3 * BODY), *parts])

    def _numbers(self, part: str, count: int) -> Array:
        numbers = to_numbers(getattr(self, f"{part}_kpts"))
        is_annotated = getattr(self, f"{part}_valid") is not False and len(numbers) == 3 * count
        return numbers if is_annotated else np.zeros(3 * count)


def to_numbers(values: Any) -> Array:
    """Return nested lists of numbers in one row, NaN for null; empty if they are not numbers."""
    try:
        return np.array(() if values is None else values, np.float64).ravel()
    except (TypeError, ValueError, OverflowError):  # lists of unequal lengths, strings, huge numbers
        return np.zeros(0)


def list_names() -> tuple[str, ...]:
    """Return the names of the 133 keypoints."""
    return set_named("wholebody-133", "COCO-WholeBody").joints
