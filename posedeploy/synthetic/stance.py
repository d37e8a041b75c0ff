"""The posture of a body: the angles of its limbs, trunk and head."""

from __future__ import annotations

from dataclasses import dataclass, fields

from posedeploy.synthetic.rng import Rng


@dataclass(frozen=True)
class LimbAngles:
    """The angles in degrees of an arm (shoulder and elbow) or a leg (hip and knee).

    flexion lifts it forward, abduction lifts it sideways, and rotation turns it inwards about its length.
    bend is the angle of the elbow or knee.
    """

    flexion: float
    abduction: float
    rotation: float
    bend: float


@dataclass(frozen=True)
class Stance:
    """The angles of a body in degrees.

    yaw turns the whole body about the vertical axis (0: towards the camera, 90: the left side is visible),
    lean and roll tip it forward and sideways. stoop, sway and twist bend the trunk; nod, turn and tilt move
    the head.
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
    right_arm: LimbAngles
    left_arm: LimbAngles
    right_leg: LimbAngles
    left_leg: LimbAngles


def generate_stance(rng: Rng) -> Stance:
    """Return a random stance: standing, walking, sitting, crouching or arbitrary, seen from any side."""
    legs, stoop = rng.choice(_LEGS)(rng)
    arms = _symmetric_arms(rng) if rng.chance(0.35) else (_arm(rng), _arm(rng))
    facing = rng.choice((0.0, 0.0, 0.0, 90.0, -90.0, 180.0, 180.0, 45.0, -45.0))
    return Stance(
        yaw=rng.around(facing, 60),
        lean=rng.around(0, 16),
        roll=rng.around(90.0 * rng.sign(), 20) if rng.chance(0.02) else rng.around(0, 12),
        stoop=stoop,
        sway=rng.around(0, 18),
        twist=rng.around(0, 40),
        nod=rng.around(5, 40),
        turn=rng.around(0, 75),
        tilt=rng.around(0, 22),
        right_arm=arms[0],
        left_arm=arms[1],
        right_leg=legs[0],
        left_leg=legs[1],
    )


def _standing(rng: Rng) -> tuple[tuple[LimbAngles, LimbAngles], float]:
    weight = rng.uniform(0, 14)
    straight = LimbAngles(rng.around(0, 8), rng.uniform(0, 9), rng.around(-5, 15), rng.uniform(0, 8))
    bent = LimbAngles(weight, rng.uniform(0, 14), rng.around(-8, 20), weight * rng.uniform(1, 3))
    legs = (straight, bent) if rng.chance(0.5) else (bent, straight)
    return legs, rng.around(4, 16)


def _walking(rng: Rng) -> tuple[tuple[LimbAngles, LimbAngles], float]:
    step = rng.uniform(12, 48)
    front = LimbAngles(step, rng.uniform(-2, 6), 0.0, rng.uniform(0, step * 1.2))
    back = LimbAngles(-step * 0.6, rng.uniform(-2, 6), 0.0, rng.uniform(5, 70))
    legs = (front, back) if rng.chance(0.5) else (back, front)
    return legs, rng.around(8, 14)


def _sitting(rng: Rng) -> tuple[tuple[LimbAngles, LimbAngles], float]:
    def leg() -> LimbAngles:
        return LimbAngles(rng.uniform(70, 105), rng.uniform(-4, 28), rng.around(0, 15), rng.uniform(50, 110))

    return (leg(), leg()), rng.around(8, 28)


def _crouching(rng: Rng) -> tuple[tuple[LimbAngles, LimbAngles], float]:
    depth = rng.uniform(40, 125)

    def leg() -> LimbAngles:
        return LimbAngles(
            depth * rng.uniform(0.7, 1.05), rng.uniform(0, 30), 0.0, depth * rng.uniform(0.8, 1.1)
        )

    return (leg(), leg()), rng.uniform(5, 50)


def _any_pose(rng: Rng) -> tuple[tuple[LimbAngles, LimbAngles], float]:
    def leg() -> LimbAngles:
        return LimbAngles(rng.uniform(-30, 105), rng.uniform(-8, 55), rng.around(0, 30), rng.uniform(0, 120))

    return (leg(), leg()), rng.around(12, 50)


_LEGS = (_standing, _standing, _standing, _walking, _walking, _sitting, _sitting, _crouching, _any_pose)


def _arm(rng: Rng) -> LimbAngles:
    hanging = LimbAngles(rng.around(5, 28), rng.uniform(2, 26), rng.around(20, 50), rng.uniform(0, 50))
    forward = LimbAngles(rng.uniform(25, 110), rng.uniform(-12, 35), rng.around(25, 60), rng.uniform(0, 125))
    out = LimbAngles(rng.around(0, 35), rng.uniform(45, 125), rng.around(0, 90), rng.uniform(0, 120))
    up = LimbAngles(rng.uniform(-10, 40), rng.uniform(120, 172), rng.around(0, 90), rng.uniform(0, 110))
    hip = LimbAngles(rng.around(-12, 15), rng.uniform(32, 58), rng.uniform(70, 110), rng.uniform(75, 115))
    return rng.choice((hanging, hanging, hanging, forward, forward, out, out, up, hip))


def _symmetric_arms(rng: Rng) -> tuple[LimbAngles, LimbAngles]:
    arm = _arm(rng)

    def varied() -> LimbAngles:
        angles = {field.name: getattr(arm, field.name) + rng.around(0, 9) for field in fields(LimbAngles)}
        return LimbAngles(**angles | {"bend": max(0.0, angles["bend"])})

    return varied(), varied()
