"""2D joints of synthetic people, in the order of any joint set."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from posedeploy.joint_names import coco_name
from posedeploy.poses.file_joint_sets import KNOWN_SETS
from posedeploy.synthetic.body import JOINTS, generate_physique, pose
from posedeploy.synthetic.rng import Rng
from posedeploy.synthetic.stance import generate_stance
from posedeploy.types import Array

SEED = 5
_Locate = Callable[[Mapping[str, Array]], Array]


def _between(one: str, other: str, fraction: float) -> _Locate:
    return lambda points: (1 - fraction) * points[one] + fraction * points[other]


_INTERPOLATED: Mapping[str, _Locate] = {
    "torso": _between("pelvis", "neck", 0.5),
    "spine": _between("pelvis", "neck", 0.45),
    "chest": _between("pelvis", "neck", 0.7),
    "upper_neck": _between("neck", "head", 0.4),
    "thorax": _between("neck", "neck", 0),
    "face": _between("nose", "nose", 0),
    "left_thorax": _between("neck", "left_shoulder", 0.5),
    "right_thorax": _between("neck", "right_shoulder", 0.5),
    "left_mouth": _between("nose", "neck", 0.2),
    "right_mouth": _between("nose", "neck", 0.2),
}


def synthetic_people(joint_set: str, count: int = 3, *, scored: bool = False) -> Array:
    """Return (count, joints, 2) px of people about 200 px high in an image of 640x480. With ``scored``, each
    joint also has the score 0.9."""
    people = []
    for index in range(count):
        rng = Rng(SEED, index)
        joints = pose(generate_physique(rng), generate_stance(rng)).joints + np.array((0, 0, 4000))
        pixels = joints[:, :2] / joints[:, 2:] * 450 + (320, 240)
        people.append(_in_order(dict(zip(map(coco_name, JOINTS), pixels, strict=True)), joint_set))
    joints_px = np.array(people)
    return np.pad(joints_px, ((0, 0), (0, 0), (0, 1)), constant_values=0.9) if scored else joints_px


def _in_order(points: dict[str, Array], joint_set: str) -> Array:
    return np.array([_locate(points, coco_name(name), joint_set) for name in KNOWN_SETS[joint_set].joints])


def _locate(points: dict[str, Array], name: str, joint_set: str) -> Array:
    if name in _INTERPOLATED:
        return _INTERPOLATED[name](points)
    if name == "head" and joint_set.startswith("human36"):
        return points["head_top"]
    if name in points:
        return points[name]
    side, _, part = name.partition("_")
    nearest = {"small": "toe", "eye": "eye", "pinky": "hand", "index": "hand", "thumb": "hand"}[
        part.split("_")[0]
    ]
    return points[f"{side}_{nearest}"]
