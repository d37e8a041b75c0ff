"""Rows of numbers, one for each person or frame, become joints: 2 or 3 numbers for each joint of a known
set."""

from __future__ import annotations

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.file_joint_sets import KNOWN_SETS
from posedeploy.types import Array

SCORES = (-1, 2)


def split_rows(rows: Array, source: str) -> Array:
    """Return (rows, J, 2 or 3) of (rows, 2 J or 3 J): J is the number of joints of a known set, and where two
    would do, every third number is a score if all of them can be.

    Raises:
        InputError: no known set has so many joints.
    """
    width = rows.shape[1]
    known = {len(joint_set) for joint_set in KNOWN_SETS.values()}
    sizes = [size for size in (3, 2) if width % size == 0 and width // size in known]
    if len(sizes) == 2 and not _are_scores(rows[:, 2::3]):
        sizes = [2]
    if not sizes:
        raise InputError(
            f"{source}: {width} numbers in a row, which is 2 or 3 for each joint of no known set; wanted x "
            f"and y, or x, y and a score, for each of {', '.join(map(str, sorted(known)))} joints"
        )
    split: Array = rows.reshape(len(rows), -1, sizes[0])
    return split


def _are_scores(numbers: Array) -> bool:
    finite = numbers[np.isfinite(numbers)]
    return bool(((finite >= SCORES[0]) & (finite <= SCORES[1])).all())
