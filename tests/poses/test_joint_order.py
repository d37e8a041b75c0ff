from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.poses.file_joint_sets import KNOWN_SETS, SHORT_NAMES, find_set, list_sets, match_names
from posedeploy.poses.joint_order import find_best_other_set, is_upside_down, measure_fit
from posedeploy.types import Array
from tests.support.bodies import synthetic_people

BODIES = [name for name in KNOWN_SETS if name not in ("mano", "wholebody133", "halpe136")]


def scored(joint_set: str, count: int = 100) -> Array:
    return synthetic_people(joint_set, count, scored=True)


@pytest.mark.parametrize("name", BODIES)
def test_people_fit_their_own_set(name: str) -> None:
    people = scored(name)
    together = measure_fit(people, KNOWN_SETS[name])
    assert together.is_good and not together.odd
    for person in people:
        assert not measure_fit(person[None], KNOWN_SETS[name]).is_wrong


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
def test_a_wrong_order_shows_in_the_proportions(own: str, other: str) -> None:
    people = scored(own)
    assert not measure_fit(people, KNOWN_SETS[other]).is_good
    found = find_best_other_set(people, KNOWN_SETS[other])
    assert found is not None
    assert found[0].name in (own, "posetrack17" if own == "coco-17" else own)
    assert found[1].is_good


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (
            lambda p: p.__setitem__((slice(None), 0, 0), p[:, 0, 0] + 150),
            "pelvis is not near the middle of the hips",
        ),
        (lambda p: p.__setitem__((slice(None), 16, 0), p[:, 16, 0] + 300), "r_elb to r_wri is"),
        (
            lambda p: p.__setitem__((slice(None), [1, 2, 3, 4, 5, 6]), p[:, [4, 5, 6, 1, 2, 3]]),
            "left and right are crossed between the hips and the shoulders",
        ),
    ],
    ids=["pelvis", "wrist", "legs"],
)
def test_the_worst_distance_is_described(change: Callable[[Array], None], phrase: str) -> None:
    people = scored("human36", 5)
    change(people)
    fit = measure_fit(people, JOINT_SETS["human36"])
    assert fit.is_wrong and fit.worst.startswith(phrase)


def test_one_odd_person_does_not_change_the_verdict() -> None:
    people = scored("human36", 5)
    people[3, 16, :2] += 400
    fit = measure_fit(people, JOINT_SETS["human36"])
    assert fit.is_good and fit.odd == (3,)


def test_missing_joints_are_not_judged() -> None:
    people = scored("coco-17", 5)
    people[:, 9] = (0, 0, -1)
    assert measure_fit(people, KNOWN_SETS["coco-17"]).is_good
    people[..., 2] = -1
    assert np.isnan(measure_fit(people, KNOWN_SETS["coco-17"]).ratio)
    assert np.isnan(measure_fit(np.zeros((1, 21, 3)), JOINT_SETS["mano"]).ratio)


def test_y_axes_that_point_up_are_detected() -> None:
    people = scored("human36")
    assert not is_upside_down(people, JOINT_SETS["human36"])
    assert is_upside_down(people * (1, -1, 1), JOINT_SETS["human36"])
    assert not is_upside_down(np.zeros((1, 21, 3)), JOINT_SETS["mano"])


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
    assert find_set(name, joints) is KNOWN_SETS[known]


def test_unknown_names_and_wrong_numbers_of_joints_are_rejected() -> None:
    with pytest.raises(InputError, match="unknown joint set 'body'; the sets are human36, coco, smpl"):
        find_set("body", 25)
    with pytest.raises(
        InputError, match="each person has 18 joints, but coco has 17 or 19; sets of 18 are human36-18, op"
    ):
        find_set("coco", 18)
    with pytest.raises(InputError, match=r"each person has 20 joints, but halpe has 26 or 136$"):
        find_set("halpe", 20)


def test_short_names_refer_to_known_sets() -> None:
    assert all(known in KNOWN_SETS for names in SHORT_NAMES.values() for known in names)
    for name, known in KNOWN_SETS.items():
        number = re.search(r"\d+$", name)
        assert number is None or name == "human36" or int(number[0]) == len(known)
    assert list_sets(17) == ["human36", "coco-17", "posetrack17", "3dhp17"]
    for known in KNOWN_SETS.values():
        assert len({coco_name(name) for name in known.joints}) == len(known)


@pytest.mark.parametrize(
    "names",
    [
        ("Nose", "left eye", "Right-Eye", "LEFT_EAR", "r_ear", *KNOWN_SETS["coco-17"].joints[5:]),
        ("nose", "eye.left", "eye_right", *KNOWN_SETS["coco-17"].joints[3:]),
    ],
)
def test_coco_is_recognized_by_any_spelling_of_the_names(names: tuple[str, ...]) -> None:
    assert match_names(names) is KNOWN_SETS["coco-17"]


def test_sets_are_recognized_by_any_spelling_of_the_names() -> None:
    camel = {"head_top": "headTop", "l_small_toe": "leftSmallToe", "r_big_toe": "RBigToe"}
    halpe = KNOWN_SETS["halpe26"]
    assert match_names(camel.get(name, name) for name in halpe.joints) is halpe
    assert match_names(("nose", "tail")) is None
