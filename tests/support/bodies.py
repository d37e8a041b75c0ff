"""2D joints of people as ``samples`` draws them, in the order of any joint set."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from posedeploy.joint_names import coco_name
from posedeploy.poses.file_joint_sets import KNOWN_SETS
from posedeploy.synthetic.body import JOINTS, draw_build, draw_stance, pose
from posedeploy.synthetic.rng import Rng
from posedeploy.types import Array

SEED = 5
_Place = Callable[[Mapping[str, Array]], Array]


def _between(one: str, other: str, share: float) -> _Place:
    return lambda at: (1 - share) * at[one] + share * at[other]


_MADE: Mapping[str, _Place] = {
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


def drawn_people(joint_set: str, count: int = 3, *, scored: bool = False) -> Array:
    """(count, joints, 2) px of people about 200 px high in an image of 640x480; with ``scored`` a third
    number, 0.9."""
    people = []
    for index in range(count):
        draws = Rng(SEED, index)
        joints = pose(draw_build(draws), draw_stance(draws)).joints + np.array((0, 0, 4000))
        pixels = joints[:, :2] / joints[:, 2:] * 450 + (320, 240)
        people.append(_in_order(dict(zip(map(coco_name, JOINTS), pixels, strict=True)), joint_set))
    found = np.array(people)
    return np.pad(found, ((0, 0), (0, 0), (0, 1)), constant_values=0.9) if scored else found


def _in_order(at: dict[str, Array], joint_set: str) -> Array:
    return np.array([_place(at, coco_name(name), joint_set) for name in KNOWN_SETS[joint_set].joints])


def _place(at: dict[str, Array], name: str, joint_set: str) -> Array:
    if name in _MADE:
        return _MADE[name](at)
    if name == "head" and joint_set.startswith("human36"):
        return at["head_top"]
    if name in at:
        return at[name]
    side, _, part = name.partition("_")
    nearest = {"small": "toe", "eye": "eye", "pinky": "hand", "index": "hand", "thumb": "hand"}[
        part.split("_")[0]
    ]
    return at[f"{side}_{nearest}"]
