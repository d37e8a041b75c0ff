"""The joint sets that networks on 2D joints are trained with, as one table: names, bones, left-right pairs.

The orders are those of the published networks (Pose2Mesh, arXiv:2008.09047; GTRS, arXiv:2111.12696).
"""

from __future__ import annotations

from dataclasses import dataclass

from posedeploy.errors import InputError


@dataclass(frozen=True)
class JointSet:
    """``bones`` and ``pairs`` (left and right of a body; neighbouring fingers of a hand) hold joint
    indices."""

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.joints)


_FINGERS = ("thumb", "index", "middle", "ring", "little")

JOINT_SETS = {
    joint_set.name: joint_set
    for joint_set in (
        JointSet(
            "human36",
            (
                "pelvis", "r_hip", "r_knee", "r_ank", "l_hip", "l_knee", "l_ank", "torso", "neck", "nose",
                "head", "l_sho", "l_elb", "l_wri", "r_sho", "r_elb", "r_wri",
            ),
            (
                (0, 7), (7, 8), (8, 9), (9, 10), (8, 11), (11, 12), (12, 13), (8, 14), (14, 15), (15, 16),
                (0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6),
            ),
            ((1, 4), (2, 5), (3, 6), (14, 11), (15, 12), (16, 13)),
        ),
        JointSet(
            "coco",
            (
                "nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_sho", "r_sho", "l_elb", "r_elb", "l_wri",
                "r_wri", "l_hip", "r_hip", "l_knee", "r_knee", "l_ank", "r_ank", "pelvis", "neck",
            ),
            (
                (1, 2), (0, 1), (0, 2), (2, 4), (1, 3), (6, 8), (8, 10), (5, 7), (7, 9), (12, 14), (14, 16),
                (11, 13), (13, 15), (17, 11), (17, 12), (17, 18), (18, 5), (18, 6), (18, 0),
            ),
            ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
        ),
        JointSet(
            "smpl",
            (
                "pelvis", "l_hip", "r_hip", "torso", "l_knee", "r_knee", "spine", "l_ank", "r_ank", "chest",
                "l_toe", "r_toe", "neck", "l_thorax", "r_thorax", "head", "l_sho", "r_sho", "l_elb", "r_elb",
                "l_wri", "r_wri", "l_hand", "r_hand",
            ),
            (
                (0, 1), (1, 4), (4, 7), (7, 10), (0, 2), (2, 5), (5, 8), (8, 11), (0, 3), (3, 6), (6, 9),
                (9, 14), (14, 17), (17, 19), (19, 21), (21, 23), (9, 13), (13, 16), (16, 18), (18, 20),
                (20, 22), (9, 12), (12, 15),
            ),
            ((1, 2), (4, 5), (7, 8), (10, 11), (13, 14), (16, 17), (18, 19), (20, 21), (22, 23)),
        ),
        JointSet(
            "mano",
            ("wrist", *(f"{finger}_{joint}" for finger in _FINGERS for joint in range(1, 5))),
            (
                (0, 1), (0, 5), (0, 9), (0, 13), (0, 17), *(
                    (first + step, first + step + 1) for first in (1, 5, 9, 13, 17) for step in range(3)
                ),
            ),
            tuple((1 + 4 * finger + step, 5 + 4 * finger + step) for step in range(4) for finger in range(4)),
        ),
    )
}  # fmt: skip


def joint_set_of(joints: int) -> JointSet:
    """The set that has this many joints: no two have as many.

    Raises:
        InputError: there is none.
    """
    for known in JOINT_SETS.values():
        if len(known) == joints:
            return known
    listed = ", ".join(f"{known.name} {len(known)}" for known in JOINT_SETS.values())
    raise InputError(f"a network on {joints} joints, and no set has as many; the sets are {listed}")
