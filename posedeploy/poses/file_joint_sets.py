"""The joint sets of files, in addition to those of networks, and the short names of all sets.

The orders follow the documentation of the datasets and tools: OpenPose (BODY_25, COCO and MPI models),
Halpe, CMU Panoptic Studio, CrowdPose, AI Challenger, LSP, PoseTrack18 and MPI-INF-3DHP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from posedeploy.errors import InputError
from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import JOINT_SETS, JointSet
from posedeploy.poses import lightweight_openpose_2d as openpose


def _both_sides(*parts: str) -> tuple[str, ...]:
    """Return ``l_sho r_sho l_elb r_elb ...``: each part on both sides."""
    return tuple(f"{side}_{part}" for part in parts for side in "lr")


def _limbs(side: str, *parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts)


_ARM, _LEG = ("sho", "elb", "wri"), ("hip", "knee", "ank")
_ARMS, _LEGS = (*_limbs("r", *_ARM), *_limbs("l", *_ARM)), (*_limbs("r", *_LEG), *_limbs("l", *_LEG))
_FEET = ("l_toe", "l_small_toe", "l_heel", "r_toe", "r_small_toe", "r_heel")

_FACE_AND_HANDS = JOINT_SETS["wholebody133"].joints[23:]

_FILE_SETS: Mapping[str, tuple[str, ...]] = {
    "openpose18": openpose.KEYPOINT_NAMES,
    "openpose-mpi15": ("head_top", "neck", *_ARMS, *_LEGS, "torso"),
    "body25": (
        "nose", "neck", *_ARMS, "pelvis", *_LEGS, "r_eye", "l_eye", "r_ear", "l_ear", *_FEET,
    ),
    "halpe136": (*JOINT_SETS["halpe26"].joints, *_FACE_AND_HANDS),
    "panoptic19": (
        "neck", "nose", "pelvis", *_limbs("l", *_ARM), *_limbs("l", *_LEG), *_limbs("r", *_ARM),
        *_limbs("r", *_LEG), "l_eye", "l_ear", "r_eye", "r_ear",
    ),
    "lsp14": (
        "r_ank", "r_knee", "r_hip", "l_hip", "l_knee", "l_ank", "r_wri", "r_elb", "r_sho", "l_sho", "l_elb",
        "l_wri", "neck", "head_top",
    ),
    "crowdpose14": (*_both_sides(*_ARM, *_LEG), "head_top", "neck"),
    "aic14": (*_ARMS, *_LEGS, "head_top", "neck"),
    "posetrack17": ("nose", "upper_neck", "head_top", *_both_sides("ear", *_ARM, *_LEG)),
    "3dhp17": ("head_top", "neck", *_ARMS, *_LEGS, "pelvis", "spine", "face"),
}  # fmt: skip
KNOWN_SETS: Mapping[str, JointSet] = JOINT_SETS | {
    name: JointSet(name, joints, ()) for name, joints in _FILE_SETS.items()
}
"""All sets by name. Sets that only files have contain no bones, as no graph is built from them."""

SHORT_NAMES: Mapping[str, tuple[str, ...]] = {
    "coco": ("coco-17", "coco"),
    "coco17": ("coco-17",),
    "coco19": ("coco",),
    "openpose": ("openpose18", "body25", "openpose-mpi15"),
    "coco18": ("openpose18",),
    "openpose25": ("body25",),
    "mpi15": ("openpose-mpi15",),
    "halpe": ("halpe26", "halpe136"),
    "h36m": ("human36", "human36-18"),
    "h36m17": ("human36",),
    "human36m": ("human36", "human36-18"),
    "mpii16": ("mpii",),
    "smpl24": ("smpl",),
    "mano21": ("mano",),
    "hand21": ("mano",),
    "muco21": ("muco",),
    "panoptic": ("panoptic19",),
    "wholebody": ("wholebody133",),
    "cocowholebody": ("wholebody133",),
    "cocowholebody133": ("wholebody133",),
    "lsp": ("lsp14",),
    "crowdpose": ("crowdpose14",),
    "aic": ("aic14",),
    "posetrack": ("posetrack17",),
    "posetrack18": ("posetrack17",),
    "3dhp": ("3dhp17",),
    "mpiinf3dhp": ("3dhp17",),
    "mediapipe": ("mediapipe33",),
    "blazepose": ("mediapipe33",),
    "blazepose33": ("mediapipe33",),
}
"""Other names of sets; the first set with the right number of joints is used."""


def find_set(name: str, joints: int) -> JointSet:
    """Return the set with this name or short name and number of joints.

    Raises:
        InputError: the name is unknown, or the set has another number of joints.
    """
    plain = {_normalize(known): (known,) for known in KNOWN_SETS} | {
        short: names for short, names in SHORT_NAMES.items()
    }
    if _normalize(name) not in plain:
        raise InputError(f"unknown joint set {name!r}; the sets are {', '.join(KNOWN_SETS)}")
    sets = [KNOWN_SETS[each] for each in plain[_normalize(name)]]
    for joint_set in sets:
        if len(joint_set) == joints:
            return joint_set
    names = list_sets(joints)
    hint = f"; sets of {joints} are {', '.join(names)}" if names else ""
    counts = " or ".join(str(len(joint_set)) for joint_set in sets)
    raise InputError(f"each person has {joints} joints, but {name} has {counts}{hint}")


def list_sets(joints: int) -> list[str]:
    """Return the names of the known sets with this number of joints."""
    return [name for name, joint_set in KNOWN_SETS.items() if len(joint_set) == joints]


def match_names(names: Iterable[str]) -> JointSet | None:
    """Return the known set with these joints in this order; None if there is none.

    Case, spaces, underscores and short names such as ``r_sho`` are ignored.
    """
    own = [coco_name(name) for name in names]
    known_sets = KNOWN_SETS.values()
    return next((known for known in known_sets if [coco_name(n) for n in known.joints] == own), None)


def _normalize(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
