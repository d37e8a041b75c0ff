"""Measures over consecutive frames of a video, as pure functions on arrays."""

from __future__ import annotations

import numpy as np

from posedeploy.types import Array


def added_jitter(reference: Array, candidate: Array) -> Array:
    """Return (frames - 2, ...) the jitter that the candidate adds to each point, in the unit of positions.

    It is the length of the second difference of candidate minus reference over three consecutive frames. A
    constant offset, or one that grows linearly, adds none. An error that alternates between +a and -a adds
    4a.

    Args:
        reference, candidate: (frames, ..., dimensions) the positions of the same points.
    """
    jitter: Array = np.linalg.norm(np.diff(candidate - reference, n=2, axis=0), axis=-1)
    return np.where(np.isnan(jitter), np.inf, jitter)


def count_switches(before: Array, after: Array) -> int:
    """Return the least number of switches that turn the ids in one frame into those in a later one.

    Two people who exchange their ids are one switch, and so is a person who gets a new id.

    Args:
        before, after: (people,) the ids of the same people in both frames.
    """
    pairs = zip(before.tolist(), after.tolist(), strict=True)
    changed = {old: new for old, new in pairs if old != new}
    return len(changed) - _count_cycles(changed)


def _count_cycles(changed: dict[int, int]) -> int:
    """Return how many groups of people exchange their ids among themselves."""
    visited, cycles = set[int](), 0
    for start in changed:
        current = start
        while current in changed and current not in visited:
            visited.add(current)
            current = changed[current]
            cycles += current == start
    return cycles


def count_switches_by_side(before: Array, after: Array) -> tuple[int, int]:
    """Return the identity switches of the candidate only, and of the reference only.

    A person whose id changes on one side has a switch there, unless it changes on the other side too.

    Args:
        before, after: (people, 2) the ids of the same people in two frames: of the reference, and of the
            candidate. A negative number means no id; such a person has no switch.
    """
    is_known = (before >= 0).all(axis=1) & (after >= 0).all(axis=1)
    is_changed = before != after
    of_candidate = is_known & is_changed[:, 1] & ~is_changed[:, 0]
    of_reference = is_known & is_changed[:, 0] & ~is_changed[:, 1]
    return (
        count_switches(before[of_candidate, 1], after[of_candidate, 1]),
        count_switches(before[of_reference, 0], after[of_reference, 0]),
    )
