"""The table of joint sets of published networks: names, bones, left-right pairs and OKS sigmas.

The orders are those of the published networks (Pose2Mesh, arXiv:2008.09047; GTRS, arXiv:2111.12696; 3DMPPE,
arXiv:1907.11346, for MobileHumanPose; arXiv:1704.02447 for pose-hg-3d) and of the datasets (Halpe,
COCO-WholeBody) and tools (MediaPipe's Pose Landmarker). The sets of a family are in its file in ``poses/``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from posedeploy.errors import InputError
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
_HAND_SIGMAS = (
    0.029, 0.022, 0.035, 0.037, 0.047, 0.026, 0.025, 0.024, 0.035, 0.018, 0.024, 0.022, 0.026, 0.017, 0.021,
    0.021, 0.032, 0.020, 0.019, 0.022, 0.031,
)  # fmt: skip
_FOOT_SIGMAS = (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
_FACE_SIGMAS = (
    0.042, 0.043, 0.044, 0.043, 0.040, 0.035, 0.031, 0.025, 0.020, 0.023, 0.029, 0.032, 0.037, 0.038, 0.043,
    0.041, 0.045, 0.013, 0.012, 0.011, 0.011, 0.012, 0.012, 0.011, 0.011, 0.013, 0.015, 0.009, 0.007, 0.007,
    0.007, 0.012, 0.009, 0.008, 0.016, 0.010, 0.017, 0.011, 0.009, 0.011, 0.009, 0.007, 0.013, 0.008, 0.011,
    0.012, 0.010, 0.034, 0.008, 0.008, 0.009, 0.008, 0.008, 0.007, 0.010, 0.008, 0.009, 0.009, 0.009, 0.007,
    0.007, 0.008, 0.011, 0.008, 0.008, 0.008, 0.010, 0.008,
)  # fmt: skip
"""The sigmas of COCO-WholeBody (arXiv:2007.11858), whose parts have one for each keypoint."""
_SIDE = re.compile("^(left|right)_")
UNKNOWN_SIGMA = 0.079
"""The sigma of other joints: the shoulder's, about the median."""


@dataclass(frozen=True)
class JointSet:
    """The joints of a person in the order of a network.

    bones: pairs of indices. pairs: indices of left and right joints, or of neighboring fingers; empty if no
    network needs them. published_sigmas: the OKS sigmas of the dataset; empty if they follow from the names.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int], ...] = ()
    published_sigmas: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def sigmas(self) -> tuple[float, ...]:
        """The OKS sigma of each joint."""
        return self.published_sigmas or sigmas_of(self.joints)


def sigmas_of(names: Sequence[str]) -> tuple[float, ...]:
    """Return the OKS sigmas of joints: those of the joint set with these names, if its dataset has its own,
    or else those of the parts, the same on both sides."""
    return _published_sigmas().get(tuple(map(coco_name, names))) or _sigmas_of_parts(names)


@cache
def _published_sigmas() -> dict[tuple[str, ...], tuple[float, ...]]:
    """Return the sigmas of the sets that have their own, by the names of their joints."""
    return {
        tuple(map(coco_name, joint_set.joints)): joint_set.published_sigmas
        for joint_set in JOINT_SETS.values()
        if joint_set.published_sigmas
    }


def _sigmas_of_parts(names: Sequence[str]) -> tuple[float, ...]:
    return tuple(SIGMAS.get(_SIDE.sub("", coco_name(name)), UNKNOWN_SIGMA) for name in names)


def _both_sides(*parts: str) -> tuple[str, ...]:
    """Return ``l_sho r_sho l_elb r_elb ...``: each part on both sides."""
    return tuple(f"{side}_{part}" for part in parts for side in "lr")


def _hand_bones(wrist: int) -> tuple[tuple[int, int], ...]:
    """Return the bones of a hand of 21 joints that starts at this index."""
    first = tuple(range(wrist + 1, wrist + 21, 4))
    return (
        *((wrist, finger) for finger in first),
        *((finger + step, finger + step + 1) for finger in first for step in range(3)),
    )


_COCO_17 = ("nose", *_both_sides("eye", "ear", "sho", "elb", "wri", "hip", "knee", "ank"))
_COCO_17_BONES = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8), (7, 9),
    (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip


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
            _hand_bones(0),
            tuple((1 + 4 * finger + step, 5 + 4 * finger + step) for step in range(4) for finger in range(4)),
            _HAND_SIGMAS,
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
            _COCO_17_BONES,
        ),
        JointSet(
            "halpe26",
            (*_COCO_17, "head_top", "neck", "pelvis", *_both_sides("toe", "small_toe", "heel")),
            (
                (15, 13), (13, 11), (11, 19), (16, 14), (14, 12), (12, 19), (17, 18), (18, 19), (18, 5),
                (5, 7), (7, 9), (18, 6), (6, 8), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5),
                (4, 6), (15, 20), (15, 22), (15, 24), (16, 21), (16, 23), (16, 25),
            ),
        ),
        JointSet(
            "wholebody133",
            (
                *_COCO_17, "l_toe", "l_small_toe", "l_heel", "r_toe", "r_small_toe", "r_heel",
                *(f"face_{number}" for number in range(68)),
                *(f"{side}_hand_{number}" for side in "lr" for number in range(21)),
            ),
            (
                *_COCO_17_BONES, (15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22), (9, 91),
                *_hand_bones(91), (10, 112), *_hand_bones(112),
            ),
            published_sigmas=(
                *_sigmas_of_parts(_COCO_17), *_FOOT_SIGMAS, *_FACE_SIGMAS, *_HAND_SIGMAS, *_HAND_SIGMAS,
            ),
        ),
        JointSet(
            "mediapipe33",
            (
                "nose", "l_eye_inner", "l_eye", "l_eye_outer", "r_eye_inner", "r_eye", "r_eye_outer", "l_ear",
                "r_ear", "l_mouth", "r_mouth",
                *_both_sides(
                    "sho", "elb", "wri", "pinky", "index", "thumb", "hip", "knee", "ank", "heel", "toe"
                ),
            ),
            (
                (0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 8), (9, 10), (11, 12), (11, 13),
                (13, 15), (15, 17), (15, 19), (15, 21), (17, 19), (12, 14), (14, 16), (16, 18), (16, 20),
                (16, 22), (18, 20), (11, 23), (12, 24), (23, 24), (23, 25), (24, 26), (25, 27), (26, 28),
                (27, 29), (28, 30), (29, 31), (30, 32), (27, 31), (28, 32),
            ),
        ),
    )
}  # fmt: skip


KEYPOINT_SETS = {
    "coco-17": "coco-17", "halpe-26": "halpe26", "wholebody-133": "wholebody133",
    "blazepose-33": "mediapipe33", "mpii-16": "mpii", "hand-21": "mano",
}  # fmt: skip
"""The names of sets in contracts. Those of the table are names too."""


def known_name(joint_set: JointSet) -> str:
    """Return the name of a set in contracts."""
    return next((name for name, own in KEYPOINT_SETS.items() if own == joint_set.name), joint_set.name)


def set_named(name: str, where: str) -> JointSet:
    """Return the set that a contract names.

    Raises:
        InputError: no set has this name.
    """
    joint_set = JOINT_SETS.get(KEYPOINT_SETS.get(name, name))
    if joint_set is None:
        raise InputError(f"{where}: unknown set {name!r}; the sets are {', '.join(KEYPOINT_SETS)}")
    return joint_set


def numbered(count: int) -> tuple[str, ...]:
    """Return numbered names for joints without names."""
    return tuple(f"joint_{number}" for number in range(count))


def by_number(*names: str) -> dict[int, JointSet]:
    """Return sets of the table by number of joints."""
    return {len(JOINT_SETS[name]): JOINT_SETS[name] for name in names}
