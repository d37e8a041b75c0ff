from __future__ import annotations

import re

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.poses.file_joint_sets import KNOWN_SETS, SHORT_NAMES, set_called, set_of_names, sets_of
from posedeploy.poses.joint_order import fit_of, likely_set, upside_down
from posedeploy.types import Array
from tests.support.bodies import synthetic_people

BODIES = [name for name in KNOWN_SETS if name not in ("mano", "wholebody133", "halpe136")]


def scored(joint_set: str, count: int = 100) -> Array:
    return synthetic_people(joint_set, count, scored=True)


@pytest.mark.parametrize("name", BODIES)
def test_people_fit_their_own_set_one_by_one_and_together(name: str) -> None:
    people = scored(name)
    together = fit_of(people, KNOWN_SETS[name])
    assert together.is_good and not together.odd
    for person in people:
        assert not fit_of(person[None], KNOWN_SETS[name]).is_wrong


PAIRS = [
    (own, other)
    for own in BODIES
    for other in BODIES
    if own != other
    and len(KNOWN_SETS[own]) == len(KNOWN_SETS[other])
    # They differ in the two eyes alone, which become a point of the neck and the top of the head.
    and {own, other} != {"coco-17", "posetrack17"}
]


@pytest.mark.parametrize(("own", "other"), PAIRS)
def test_people_in_another_order_are_told_by_their_proportions(own: str, other: str) -> None:
    people = scored(own)
    assert not fit_of(people, KNOWN_SETS[other]).is_good
    found = likely_set(people, KNOWN_SETS[other])
    assert found is not None
    assert found[0].name in (own, "posetrack17" if own == "coco-17" else own)
    assert found[1].is_good


def test_what_is_wrong_is_said() -> None:
    people, human36 = scored("human36", 5), JOINT_SETS["human36"]
    for change, phrase in (
        (
            lambda p: p.__setitem__((slice(None), 0, 0), p[:, 0, 0] + 150),
            "pelvis is not near the middle of the hips",
        ),
        (lambda p: p.__setitem__((slice(None), 16, 0), p[:, 16, 0] + 300), "r_elb to r_wri is"),
        (
            lambda p: p.__setitem__((slice(None), [1, 2, 3, 4, 5, 6]), p[:, [4, 5, 6, 1, 2, 3]]),
            "left and right are crossed between the hips and the shoulders",
        ),
    ):
        changed = people.copy()
        change(changed)
        fit = fit_of(changed, human36)
        assert fit.is_wrong and fit.worst.startswith(phrase)


def test_one_odd_person_is_told_and_the_others_stay() -> None:
    people = scored("human36", 5)
    people[3, 16, :2] += 400
    fit = fit_of(people, JOINT_SETS["human36"])
    assert fit.is_good and fit.odd == (3,)


def test_missing_joints_are_not_judged() -> None:
    people = scored("coco-17", 5)
    people[:, 9] = (0, 0, -1)
    assert fit_of(people, KNOWN_SETS["coco-17"]).is_good
    people[..., 2] = -1
    assert np.isnan(fit_of(people, KNOWN_SETS["coco-17"]).ratio)
    assert np.isnan(fit_of(np.zeros((1, 21, 3)), JOINT_SETS["mano"]).ratio)


def test_y_that_points_up_is_noticed() -> None:
    people = scored("human36")
    assert not upside_down(people, JOINT_SETS["human36"])
    assert upside_down(people * (1, -1, 1), JOINT_SETS["human36"])
    assert not upside_down(np.zeros((1, 21, 3)), JOINT_SETS["mano"])


@pytest.mark.parametrize(
    ("name", "joints", "known"),
    [
        ("coco", 17, "coco-17"),
        ("COCO", 19, "coco"),
        ("openpose", 25, "body25"),
        ("OpenPose_18", 18, "openpose18"),
        ("h36m", 17, "human36"),
        ("Human3.6M", 17, "human36"),
        ("mediapipe", 33, "mediapipe33"),
        ("MPI-INF-3DHP", 17, "3dhp17"),
    ],
)
def test_sets_have_short_names(name: str, joints: int, known: str) -> None:
    assert set_called(name, joints) is KNOWN_SETS[known]


def test_a_name_of_no_set_or_of_another_number_is_refused() -> None:
    with pytest.raises(InputError, match="unknown joint set 'body'; the sets are human36, coco, smpl"):
        set_called("body", 25)
    with pytest.raises(
        InputError, match="each person has 18 joints, but coco has 17 or 19; sets of 18 are human36-18, op"
    ):
        set_called("coco", 18)
    with pytest.raises(InputError, match=r"each person has 20 joints, but halpe has 26 or 136$"):
        set_called("halpe", 20)


def test_the_tables_agree() -> None:
    assert all(known in KNOWN_SETS for names in SHORT_NAMES.values() for known in names)
    for name, known in KNOWN_SETS.items():
        number = re.search(r"\d+$", name)
        assert number is None or name == "human36" or int(number[0]) == len(known)
    assert sets_of(17) == ["human36", "coco-17", "posetrack17", "3dhp17"]
    for known in KNOWN_SETS.values():
        assert len({coco_name(name) for name in known.joints}) == len(known)


def test_a_set_is_known_by_its_names_however_they_are_written() -> None:
    for names in (
        ("Nose", "left eye", "Right-Eye", "LEFT_EAR", "r_ear", *KNOWN_SETS["coco-17"].joints[5:]),
        ("nose", "eye.left", "eye_right", *KNOWN_SETS["coco-17"].joints[3:]),
    ):
        assert set_of_names(names) is KNOWN_SETS["coco-17"]
    camel = {"head_top": "headTop", "l_small_toe": "leftSmallToe", "r_big_toe": "RBigToe"}
    halpe = KNOWN_SETS["halpe26"]
    assert set_of_names(camel.get(name, name) for name in halpe.joints) is halpe
    assert set_of_names(("nose", "tail")) is None
