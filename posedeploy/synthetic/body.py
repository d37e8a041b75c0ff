"""A human body as a skeleton: its proportions, how it stands, and where that puts its joints.

Lengths are in mm. The body's own axes are x to its left, y down and z to its back, the pelvis at the origin:
seen by a camera that it faces, they are the camera's x, y and z.

Proportions are fractions of the stature near those of Drillis and Contini (1966), "Body Segment Parameters",
between the middles of the joints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.synthetic.rng import Rng
from posedeploy.types import Array

JOINTS = (
    *KEYPOINT_NAMES,
    "pelvis", "spine", "head", "head_top", "r_hand", "l_hand", "r_heel", "l_heel", "r_toe", "l_toe",
)  # fmt: skip
"""The joints of the 3D skeleton: lightweight-openpose-2d's 18 keypoints, and what else is drawn from."""
INDEX = {name: index for index, name in enumerate(JOINTS)}

HEAD_POINTS = {
    "nose": (0.0, 0.14, -1.12),
    "r_eye": (-0.38, -0.12, -0.9),
    "l_eye": (0.38, -0.12, -0.9),
    "r_ear": (-1.0, 0.02, 0.08),
    "l_ear": (1.0, 0.02, 0.08),
    "head_top": (0.0, -1.0, 0.0),
}
"""Where these are on the head, in its half axes."""


@dataclass(frozen=True)
class Build:
    """Lengths in mm; ``girth`` is what the thickness of limbs is multiplied by."""

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


def draw_build(draws: Rng) -> Build:
    """Anyone: adults, and one in eight a child, whose head is larger for its body."""
    child = draws.chance(0.12)
    stature = draws.uniform(1000, 1450) if child else draws.about(1710, 230)

    def part(fraction: float) -> float:
        return stature * fraction * draws.about(1.0, 0.11)

    size = (1.28 if child else 1.0) * draws.about(1.0, 0.1)
    return Build(
        stature=stature,
        girth=draws.about(1.08, 0.34),
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


@dataclass(frozen=True)
class Limb:
    """Angles in degrees of an arm (at shoulder and elbow) or a leg (at hip and knee).

    flexion lifts it forward, abduction sideways, rotation turns it inwards about its length; bend is that of
    elbow or knee.
    """

    flexion: float
    abduction: float
    rotation: float
    bend: float


@dataclass(frozen=True)
class Stance:
    """How a body is held; angles in degrees.

    yaw turns the whole body about the vertical (0 faces the camera, 90 shows its left side), lean and roll
    tip it forward and sideways; stoop, sway and twist bend the trunk; nod, turn and tilt the head.
    """

    yaw: float
    lean: float
    roll: float
    stoop: float
    sway: float
    twist: float
    nod: float
    turn: float
    tilt: float
    right_arm: Limb
    left_arm: Limb
    right_leg: Limb
    left_leg: Limb


def draw_stance(draws: Rng) -> Stance:
    """Standing, walking, sitting, crouching or anything, seen from any side; arms anywhere."""
    legs, stoop = draws.pick(_LEGS)(draws)
    arms = _alike_arms(draws) if draws.chance(0.35) else (_arm(draws), _arm(draws))
    facing = draws.pick((0.0, 0.0, 0.0, 90.0, -90.0, 180.0, 180.0, 45.0, -45.0))
    return Stance(
        yaw=draws.about(facing, 60),
        lean=draws.about(0, 16),
        roll=draws.about(90.0 * draws.side(), 20) if draws.chance(0.02) else draws.about(0, 12),
        stoop=stoop,
        sway=draws.about(0, 18),
        twist=draws.about(0, 40),
        nod=draws.about(5, 40),
        turn=draws.about(0, 75),
        tilt=draws.about(0, 22),
        right_arm=arms[0],
        left_arm=arms[1],
        right_leg=legs[0],
        left_leg=legs[1],
    )


def _standing(draws: Rng) -> tuple[tuple[Limb, Limb], float]:
    weight = draws.uniform(0, 14)
    straight = Limb(draws.about(0, 8), draws.uniform(0, 9), draws.about(-5, 15), draws.uniform(0, 8))
    bent = Limb(weight, draws.uniform(0, 14), draws.about(-8, 20), weight * draws.uniform(1, 3))
    legs = (straight, bent) if draws.chance(0.5) else (bent, straight)
    return legs, draws.about(4, 16)


def _walking(draws: Rng) -> tuple[tuple[Limb, Limb], float]:
    step = draws.uniform(12, 48)
    front = Limb(step, draws.uniform(-2, 6), 0.0, draws.uniform(0, step * 1.2))
    back = Limb(-step * 0.6, draws.uniform(-2, 6), 0.0, draws.uniform(5, 70))
    legs = (front, back) if draws.chance(0.5) else (back, front)
    return legs, draws.about(8, 14)


def _sitting(draws: Rng) -> tuple[tuple[Limb, Limb], float]:
    def leg() -> Limb:
        return Limb(draws.uniform(70, 105), draws.uniform(-4, 28), draws.about(0, 15), draws.uniform(50, 110))

    return (leg(), leg()), draws.about(8, 28)


def _crouching(draws: Rng) -> tuple[tuple[Limb, Limb], float]:
    depth = draws.uniform(40, 125)

    def leg() -> Limb:
        return Limb(
            depth * draws.uniform(0.7, 1.05), draws.uniform(0, 30), 0.0, depth * draws.uniform(0.8, 1.1)
        )

    return (leg(), leg()), draws.uniform(5, 50)


def _anything(draws: Rng) -> tuple[tuple[Limb, Limb], float]:
    def leg() -> Limb:
        return Limb(draws.uniform(-30, 105), draws.uniform(-8, 55), draws.about(0, 30), draws.uniform(0, 120))

    return (leg(), leg()), draws.about(12, 50)


_LEGS = (_standing, _standing, _standing, _walking, _walking, _sitting, _sitting, _crouching, _anything)


def _arm(draws: Rng) -> Limb:
    hanging = Limb(draws.about(5, 28), draws.uniform(2, 26), draws.about(20, 50), draws.uniform(0, 50))
    forward = Limb(draws.uniform(25, 110), draws.uniform(-12, 35), draws.about(25, 60), draws.uniform(0, 125))
    out = Limb(draws.about(0, 35), draws.uniform(45, 125), draws.about(0, 90), draws.uniform(0, 120))
    up = Limb(draws.uniform(-10, 40), draws.uniform(120, 172), draws.about(0, 90), draws.uniform(0, 110))
    hip = Limb(draws.about(-12, 15), draws.uniform(32, 58), draws.uniform(70, 110), draws.uniform(75, 115))
    return draws.pick((hanging, hanging, hanging, forward, forward, out, out, up, hip))


def _alike_arms(draws: Rng) -> tuple[Limb, Limb]:
    arm = _arm(draws)

    def like() -> Limb:
        changed = {field.name: getattr(arm, field.name) + draws.about(0, 9) for field in fields(Limb)}
        return Limb(**changed | {"bend": max(0.0, changed["bend"])})

    return like(), like()


def turned(axis: int, degrees: float) -> Array:
    """(3, 3) the rotation about axis 0, 1 or 2 by an angle."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    first, second = ((1, 2), (2, 0), (0, 1))[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cos
    matrix[first, second], matrix[second, first] = -sin, sin
    return matrix


@dataclass(frozen=True)
class Skeleton:
    """joints: (len(JOINTS), 3) mm. head: (3, 3) from the head's own axes to those of ``joints``."""

    joints: Array
    head: Array


def pose(build: Build, stance: Stance) -> Skeleton:
    """Where a body's joints are when it is held so, from its pelvis, in the camera's axes."""
    whole = turned(2, stance.roll) @ turned(1, stance.yaw) @ turned(0, stance.lean)
    chest = whole @ turned(0, stance.stoop) @ turned(2, stance.sway) @ turned(1, stance.twist)
    at = {"pelvis": np.zeros(3)}
    at["spine"] = (whole @ (0, -build.torso * 0.45, 0)).round(3)
    at["neck"] = at["spine"] + chest @ (0, -build.torso * 0.55, 0)
    _limbs(at, build, chest, ("sho", "elb", "wri", "hand"), (stance.right_arm, stance.left_arm))
    _limbs(at, build, whole, ("hip", "knee", "ank", "toe"), (stance.right_leg, stance.left_leg))
    head = chest @ turned(1, stance.turn) @ turned(0, stance.nod) @ turned(2, stance.tilt)
    upright = chest @ turned(0, stance.nod * 0.4)
    at["head"] = at["neck"] + upright @ (0, -build.neck, -build.neck * 0.12)
    for name, place in HEAD_POINTS.items():
        at[name] = at["head"] + head @ (np.array(place) * build.head)
    # Rounded, so that the last bits of a platform's sine are of no account.
    return Skeleton(np.array([at[name] for name in JOINTS]).round(3), head)


def _limbs(
    at: dict[str, Array], build: Build, trunk: Array, names: tuple[str, ...], limbs: tuple[Limb, Limb]
) -> None:
    """Adds both arms (from the neck) or both legs (from the pelvis)."""
    arms = names[0] == "sho"
    origin, width = (at["neck"], build.shoulders) if arms else (at["pelvis"], build.hips)
    upper, lower = (build.upper_arm, build.forearm) if arms else (build.thigh, build.shin)
    for letter, side, limb in (("r", -1, limbs[0]), ("l", 1, limbs[1])):
        first, second, third, end = (f"{letter}_{name}" for name in names)
        frame = (
            trunk
            @ turned(2, -side * limb.abduction)
            @ turned(0, -limb.flexion)
            @ turned(1, side * limb.rotation)
        )
        below = frame @ turned(0, -limb.bend if arms else limb.bend)
        at[first] = origin + trunk @ (side * width / 2, 0, 0)
        at[second] = at[first] + frame @ (0, upper, 0)
        at[third] = at[second] + below @ (0, lower, 0)
        if arms:
            at[end] = at[third] + below @ (0, build.hand, 0)
        else:
            at[f"{letter}_heel"] = at[third] + below @ (0, build.foot * 0.22, build.foot * 0.18)
            at[end] = at[third] + below @ (side * build.foot * 0.12, build.foot * 0.3, -build.foot * 0.72)
