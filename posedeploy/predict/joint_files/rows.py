"""Split rows of numbers into joints: 2 or 3 numbers for each joint of a known set."""

from __future__ import annotations

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.file_joint_sets import KNOWN_SETS
from posedeploy.types import Array

SCORES = (-1, 2)


def split_rows(rows: Array, source: str) -> Array:
    """Split (rows, 2 J or 3 J) into (rows, J, 2 or 3), where J is the number of joints of a known set.

    If both are possible, every third number is a score if all of these numbers are in the range of scores.

    Raises:
        InputError: no known set has such a number of joints.
    """
    width = rows.shape[1]
    known = {len(joint_set) for joint_set in KNOWN_SETS.values()}
    sizes = [size for size in (3, 2) if width % size == 0 and width // size in known]
    if len(sizes) == 2 and not _are_scores(rows[:, 2::3]):
        sizes = [2]
    if not sizes:
        raise InputError(
            f"{source}: {width} numbers per row fit no known joint set; expected x and y, or x, y and a "
            f"score, for each of {', '.join(map(str, sorted(known)))} joints"
        )
    split: Array = rows.reshape(len(rows), width // sizes[0], sizes[0])  # -1 fails for no rows
    return split


def _are_scores(numbers: Array) -> bool:
    finite = numbers[np.isfinite(numbers)]
    return bool(((finite >= SCORES[0]) & (finite <= SCORES[1])).all())
