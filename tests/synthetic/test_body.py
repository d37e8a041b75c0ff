"""Builds, stances and the positions of joints."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from posedeploy.synthetic.body import INDEX, Physique, generate_physique, pose, rotation
from posedeploy.synthetic.rng import Rng
from posedeploy.synthetic.stance import LimbAngles, Stance, generate_stance
from posedeploy.types import Array

STRAIGHT = LimbAngles(0, 0, 0, 0)
UPRIGHT = Stance(0, 0, 0, 0, 0, 0, 0, 0, 0, STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT)


@pytest.fixture(scope="module")
def physique() -> Physique:
    return generate_physique(Rng(3))


def _at(physique: Physique, stance: Stance, joint: str) -> Array:
    position: Array = pose(physique, stance).joints[INDEX[joint]]
    return position


def test_the_right_side_is_on_the_left_of_the_image_by_default(physique: Physique) -> None:
    joints = pose(physique, UPRIGHT).joints
    x, y, z = joints[INDEX["r_sho"]], joints[INDEX["nose"]], joints[INDEX["r_toe"]]
    assert x[0] < 0 < joints[INDEX["l_sho"], 0]
    assert y[1] < joints[INDEX["neck"], 1] < joints[INDEX["pelvis"], 1] < joints[INDEX["r_ank"], 1]
    assert y[2] < 0
    assert z[2] < joints[INDEX["r_heel"], 2]
    np.testing.assert_allclose(
        joints[INDEX["neck"]], (joints[INDEX["r_sho"]] + joints[INDEX["l_sho"]]) / 2, atol=1e-3
    )


@pytest.mark.parametrize(
    ("change", "joint", "axis", "sign"),
    [
        ({"yaw": 90.0}, "nose", 0, -1),
        ({"yaw": 90.0}, "l_sho", 2, -1),
        ({"lean": 30.0}, "neck", 2, -1),
        ({"stoop": 30.0}, "neck", 2, -1),
        ({"right_arm": LimbAngles(90, 0, 0, 0)}, "r_wri", 2, -1),
        ({"left_arm": LimbAngles(0, 90, 0, 0)}, "l_wri", 0, 1),
        ({"left_arm": LimbAngles(0, 0, 0, 90)}, "l_wri", 2, -1),
        ({"left_leg": LimbAngles(0, 0, 0, 90)}, "l_ank", 2, 1),
        ({"right_leg": LimbAngles(0, 30, 0, 0)}, "r_ank", 0, -1),
    ],
)
def test_each_angle_moves_its_joint_in_the_documented_direction(
    physique: Physique, change: dict[str, float], joint: str, axis: int, sign: int
) -> None:
    moved = _at(physique, replace(UPRIGHT, **change), joint) - _at(physique, UPRIGHT, joint)  # type: ignore[arg-type]
    assert moved[axis] * sign > 50


def test_limbs_keep_their_lengths_in_any_stance(physique: Physique) -> None:
    lengths = {("r_sho", "r_elb"): physique.upper_arm, ("l_elb", "l_wri"): physique.forearm}
    lengths |= {("r_hip", "r_knee"): physique.thigh, ("l_knee", "l_ank"): physique.shin}
    for seed in range(50):
        joints = pose(physique, generate_stance(Rng(seed))).joints
        for (start, end), length in lengths.items():
            distance = float(np.linalg.norm(joints[INDEX[start]] - joints[INDEX[end]]))
            assert distance == pytest.approx(length, abs=0.01)


def test_angles_of_limbs_are_anatomically_possible() -> None:
    for seed in range(300):
        stance = generate_stance(Rng(seed))
        for arm in (stance.right_arm, stance.left_arm):
            assert 0 <= arm.bend <= 150
        for leg in (stance.right_leg, stance.left_leg):
            assert 0 <= leg.bend <= 150
            assert -35 <= leg.flexion <= 135


def test_statures_are_human() -> None:
    statures = [generate_physique(Rng(seed)).stature for seed in range(300)]
    assert 1000 <= min(statures) < 1450 < 1750 < max(statures) < 2000
    assert {field.name for field in fields(Physique)} >= {"stature", "girth"}


@pytest.mark.parametrize("axis", range(3))
def test_rotations_are_orthogonal(axis: int) -> None:
    matrix = rotation(axis, 37.0)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)
