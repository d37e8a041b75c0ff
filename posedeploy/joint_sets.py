"""The table of joint sets of published networks: names, bones, left-right pairs and OKS sigmas.

The orders are those of the published networks (Pose2Mesh, arXiv:2008.09047; GTRS, arXiv:2111.12696; 3DMPPE,
arXiv:1907.11346, for MobileHumanPose; arXiv:1704.02447 for pose-hg-3d). The sets of a family are in its file
in ``poses/``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from posedeploy.joint_names import coco_name

_FINGERS = ("thumb", "index", "middle", "ring", "little")

SIGMAS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "sho": 0.079, "shoulder": 0.079, "elb": 0.072, "elbow": 0.072,
    "wri": 0.062, "wrist": 0.062, "hip": 0.107, "knee": 0.087, "ank": 0.089, "ankle": 0.089,
    **dict.fromkeys(("head", "head_top"), 0.026),
    **dict.fromkeys(("neck", "upper_neck", "thorax"), 0.079),
    **dict.fromkeys(("pelvis", "torso", "spine", "chest", "body_center"), 0.107),
    **dict.fromkeys(("hand", *(f"{finger}_{joint}" for finger in _FINGERS for joint in range(1, 5))), 0.062),
    "toe": 0.089,
}  # fmt: skip
"""The OKS sigmas of COCO, relative to a person's size; other parts have those of their neighbors."""
_SIDE = re.compile("^(left|right)_")
UNKNOWN_SIGMA = 0.079
"""The sigma of other joints: the shoulder's, about the median."""


@dataclass(frozen=True)
class JointSet:
    """The joints of a person in the order of a network.

    bones: pairs of indices. pairs: indices of left and right joints, or of neighboring fingers; empty if no
    network needs them.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def sigmas(self) -> tuple[float, ...]:
        """The OKS sigma of each joint, by its name."""
        return sigmas_of(self.joints)


def sigmas_of(names: Sequence[str]) -> tuple[float, ...]:
    """Return the OKS sigmas of joints by name; both sides of a part have the same."""
    return tuple(SIGMAS.get(_SIDE.sub("", coco_name(name)), UNKNOWN_SIGMA) for name in names)


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
        JointSet(
            "human36-18",
            (
                "pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "torso", "neck", "nose",
                "head", "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist", "thorax",
            ),
            (
                (0, 7), (7, 8), (8, 9), (9, 10), (8, 11), (11, 12), (12, 13), (8, 14), (14, 15), (15, 16),
                (0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6),
            ),
        ),
        JointSet(
            "muco",
            (
                "head_top", "thorax", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist",
                "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "pelvis", "spine", "head",
                "r_hand", "l_hand", "r_toe", "l_toe",
            ),
            (
                (0, 16), (16, 1), (1, 15), (15, 14), (14, 8), (14, 11), (8, 9), (9, 10), (10, 19), (11, 12),
                (12, 13), (13, 20), (1, 2), (2, 3), (3, 4), (4, 17), (1, 5), (5, 6), (6, 7), (7, 18),
            ),
        ),
        JointSet(
            "mpii",
            (
                "r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "pelvis", "thorax", "upper_neck",
                "head_top", "r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist",
            ),
            (
                (0, 1), (1, 2), (2, 6), (6, 3), (3, 4), (4, 5), (10, 11), (11, 12), (12, 8), (8, 13),
                (13, 14), (14, 15), (6, 8), (8, 9),
            ),
        ),
        JointSet(
            "coco-17",
            (
                "nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow",
                "l_wrist", "r_wrist", "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle",
            ),
            (
                (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
                (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
            ),
        ),
    )
}  # fmt: skip


def numbered(count: int) -> tuple[str, ...]:
    """Return numbered names for joints without names."""
    return tuple(f"joint_{number}" for number in range(count))


def by_number(*names: str) -> dict[int, JointSet]:
    """Return sets of the table by number of joints."""
    return {len(JOINT_SETS[name]): JOINT_SETS[name] for name in names}
