"""The proportions of a human body, and the positions of its joints in a stance.

Lengths are in mm. The body's axes are x to its left, y down and z to its back, with the pelvis at the origin.
If it faces the camera, they are the camera's axes.

Proportions are fractions of the stature, close to those of Drillis and Contini (1966), "Body Segment
Parameters", between the centers of the joints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.synthetic.rng import Rng
from posedeploy.synthetic.stance import LimbAngles, Stance
from posedeploy.types import Array

JOINTS = (
    *KEYPOINT_NAMES,
    "pelvis", "spine", "head", "head_top", "r_hand", "l_hand", "r_heel", "l_heel", "r_toe", "l_toe",
)  # fmt: skip
"""The joints of the 3D skeleton: the 18 keypoints of lightweight-openpose-2d, and others used for drawing."""
INDEX = {name: index for index, name in enumerate(JOINTS)}

HEAD_POINTS = {
    "nose": (0.0, 0.14, -1.12),
    "r_eye": (-0.38, -0.12, -0.9),
    "l_eye": (0.38, -0.12, -0.9),
    "r_ear": (-1.0, 0.02, 0.08),
    "l_ear": (1.0, 0.02, 0.08),
    "head_top": (0.0, -1.0, 0.0),
}
"""Points of the head, in units of its semi-axes."""


@dataclass(frozen=True)
class Physique:
    """The lengths of a body in mm; ``girth`` is a factor on the thickness of limbs."""

    stature: float
    girth: float
    torso: float
    shoulders: float
    hips: float
    neck: float
    upper_arm: float
    forearm: float
    hand: float
    thigh: float
    shin: float
    foot: float
    head: tuple[float, float, float]


def generate_physique(rng: Rng) -> Physique:
    """Return a random physique: an adult, or one time in eight a child, with a larger head in proportion."""
    child = rng.chance(0.12)
    stature = rng.uniform(1000, 1450) if child else rng.around(1710, 230)

    def part(fraction: float) -> float:
        return stature * fraction * rng.around(1.0, 0.11)

    size = (1.28 if child else 1.0) * rng.around(1.0, 0.1)
    return Physique(
        stature=stature,
        girth=rng.around(1.08, 0.34),
        torso=part(0.282),
        shoulders=part(0.208),
        hips=part(0.118),
        neck=part(0.118) * (1.1 if child else 1.0),
        upper_arm=part(0.178),
        forearm=part(0.148),
        hand=part(0.085),
        thigh=part(0.243),
        shin=part(0.243),
        foot=part(0.135),
        head=(stature * 0.047 * size, stature * 0.067 * size, stature * 0.056 * size),
    )


def rotation(axis: int, degrees: float) -> Array:
    """Return the (3, 3) rotation about axis 0, 1 or 2."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    first, second = ((1, 2), (2, 0), (0, 1))[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cos
    matrix[first, second], matrix[second, first] = -sin, sin
    return matrix


@dataclass(frozen=True)
class Skeleton:
    """joints: (len(JOINTS), 3) mm. head: (3, 3) from the axes of the head to those of ``joints``."""

    joints: Array
    head: Array


def pose(physique: Physique, stance: Stance) -> Skeleton:
    """Compute the joints of a body in a stance, relative to the pelvis, in the camera's axes."""
    body = rotation(2, stance.roll) @ rotation(1, stance.yaw) @ rotation(0, stance.lean)
    chest = body @ rotation(0, stance.stoop) @ rotation(2, stance.sway) @ rotation(1, stance.twist)
    positions = {"pelvis": np.zeros(3)}
    positions["spine"] = (body @ (0, -physique.torso * 0.45, 0)).round(3)
    positions["neck"] = positions["spine"] + chest @ (0, -physique.torso * 0.55, 0)
    _add_limbs(positions, physique, chest, ("sho", "elb", "wri", "hand"), (stance.right_arm, stance.left_arm))
    _add_limbs(positions, physique, body, ("hip", "knee", "ank", "toe"), (stance.right_leg, stance.left_leg))
    head = chest @ rotation(1, stance.turn) @ rotation(0, stance.nod) @ rotation(2, stance.tilt)
    upright = chest @ rotation(0, stance.nod * 0.4)
    positions["head"] = positions["neck"] + upright @ (0, -physique.neck, -physique.neck * 0.12)
    for name, point in HEAD_POINTS.items():
        positions[name] = positions["head"] + head @ (np.array(point) * physique.head)
    # Rounded because sines differ slightly between platforms.
    return Skeleton(np.array([positions[name] for name in JOINTS]).round(3), head)


def _add_limbs(
    positions: dict[str, Array],
    physique: Physique,
    trunk: Array,
    names: tuple[str, ...],
    limbs: tuple[LimbAngles, LimbAngles],
) -> None:
    """Add the joints of both arms (from the neck) or both legs (from the pelvis) to ``positions``."""
    arms = names[0] == "sho"
    origin, width = (positions["neck"], physique.shoulders) if arms else (positions["pelvis"], physique.hips)
    upper, lower = (physique.upper_arm, physique.forearm) if arms else (physique.thigh, physique.shin)
    for letter, side, limb in (("r", -1, limbs[0]), ("l", 1, limbs[1])):
        first, second, third, end = (f"{letter}_{name}" for name in names)
        frame = (
            trunk
            @ rotation(2, -side * limb.abduction)
            @ rotation(0, -limb.flexion)
            @ rotation(1, side * limb.rotation)
        )
        below = frame @ rotation(0, -limb.bend if arms else limb.bend)
        positions[first] = origin + trunk @ (side * width / 2, 0, 0)
        positions[second] = positions[first] + frame @ (0, upper, 0)
        positions[third] = positions[second] + below @ (0, lower, 0)
        if arms:
            positions[end] = positions[third] + below @ (0, physique.hand, 0)
        else:
            positions[f"{letter}_heel"] = positions[third] + below @ (
                0,
                physique.foot * 0.22,
                physique.foot * 0.18,
            )
            positions[end] = positions[third] + below @ (
                side * physique.foot * 0.12,
                physique.foot * 0.3,
                -physique.foot * 0.72,
            )
