from __future__ import annotations

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.poses.joint_mapping import map_joints
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.types import Array

AT = {name: index for index, name in enumerate(KEYPOINT_NAMES)}


def _person() -> Array:
    return np.random.RandomState(1).uniform(0.5, 100, (1, 18, 3))


@pytest.mark.parametrize("joint_set", ["human36", "coco", "coco-17"])
def test_equal_joints_are_mapped_unchanged(joint_set: str) -> None:
    person = _person()
    places = {coco_name(name): place for name, place in AT.items()}
    names = JOINT_SETS[joint_set].joints
    mapped = map_joints(person, KEYPOINT_NAMES, JOINT_SETS[joint_set])
    assert mapped.joints.shape == (1, len(names), 3)
    equal = [name for name in names if coco_name(name) in places and name != "neck"]
    assert len(equal) >= 12
    for name in equal:
        joint = mapped.joints[0, names.index(name)]
        assert joint.tolist() == person[0, places[coco_name(name)]].tolist(), name


def test_missing_joints_are_computed_from_their_neighbors() -> None:
    person = _person()[0]
    computed = dict(
        zip(
            JOINT_SETS["human36"].joints,
            map_joints(person[None], KEYPOINT_NAMES, JOINT_SETS["human36"]).joints[0],
            strict=True,
        )
    )
    pelvis = (person[AT["r_hip"]] + person[AT["l_hip"]]) / 2
    neck = (person[AT["r_sho"]] + person[AT["l_sho"]]) / 2
    assert np.allclose(computed["pelvis"], pelvis)
    assert np.allclose(computed["neck"], neck)
    assert np.allclose(computed["torso"], (pelvis + neck) / 2)
    assert np.allclose(computed["head"][:2], 2 * person[AT["nose"], :2] - neck[:2])
    assert computed["head"][2] == person[AT["nose"], 2]


def test_a_missing_point_of_the_face_is_replaced_by_a_visible_one() -> None:
    person = _person()
    person[0, [AT["nose"], AT["l_eye"], AT["l_ear"], AT["neck"]]] = -1
    mapped = dict(
        zip(
            JOINT_SETS["coco"].joints,
            map_joints(person, KEYPOINT_NAMES, JOINT_SETS["coco"]).joints[0],
            strict=True,
        )
    )
    assert mapped["nose"].tolist() == mapped["l_eye"].tolist() == person[0, AT["r_eye"]].tolist()


@pytest.mark.parametrize("joint_set", ["human36", "coco"])
def test_keypoints_are_mapped_by_name(joint_set: str) -> None:
    person = _person()
    names = JOINT_SETS["coco-17"].joints
    at = {coco_name(name): place for place, name in enumerate(KEYPOINT_NAMES)}
    coco = person[:, [at[coco_name(name)] for name in names]]
    wanted = map_joints(person, KEYPOINT_NAMES, JOINT_SETS[joint_set]).joints
    assert map_joints(coco, names, JOINT_SETS[joint_set]).joints.tolist() == wanted.tolist()


def test_a_set_without_the_needed_keypoints_is_refused() -> None:
    with pytest.raises(InputError, match=r"of human36 cannot be computed .* 16 keypoints: nose missing; use"):
        map_joints(np.ones((1, 16, 3)), JOINT_SETS["mpii"].joints, JOINT_SETS["human36"])


def _limits(person: Array) -> list[float]:
    """Return the minimum and maximum x and y of the visible keypoints."""
    seen = person[person[:, 2] >= 0, :2]
    return [*seen.min(axis=0).tolist(), *seen.max(axis=0).tolist()]


def test_a_person_without_visible_joints_has_no_position() -> None:
    nobody = np.full((1, 18, 3), -1.0)
    assert (
        map_joints(nobody, KEYPOINT_NAMES, JOINT_SETS["coco"])
        .warnings[0]
        .startswith("the person without visible joints is left out: ")
    )


@pytest.mark.parametrize(
    ("name", "wanted"), [("pelvis", [7, 8, 0.5]), ("torso", [1, 2, 0.25]), ("head", [3, 4, 0.75])]
)
def test_detected_joints_are_not_computed(name: str, wanted: list[float]) -> None:
    detected = np.concatenate([_person(), [[[7.0, 8, 0.5], [1.0, 2, 0.25], [3.0, 4, 0.75]]]], axis=1)
    names = (*KEYPOINT_NAMES, "pelvis", "torso", "head")
    joints = map_joints(detected, names, JOINT_SETS["human36"]).joints[0]
    assert joints[JOINT_SETS["human36"].joints.index(name)].tolist() == wanted


def test_people_with_too_few_joints_are_reported_and_left_out() -> None:
    people = np.repeat(_person(), 4, axis=0)
    people[0, [AT["l_wri"], AT["r_ank"]]] = -1
    people[2, [AT[name] for name in ("nose", "r_eye", "l_eye", "r_ear", "l_ear")]] = -1
    people[0, :, :2] += 100
    positions = [f"at x {x:.0f} to {w:.0f}, y {y:.0f} to {h:.0f} px" for x, y, w, h in map(_limits, people)]
    mapped = map_joints(people, KEYPOINT_NAMES, JOINT_SETS["coco"])
    assert mapped.joints.shape == (2, 19, 3)
    assert mapped.warnings == (
        f"the person {positions[0]} is left out: l_wri, r_ank not visible",
        f"the person {positions[2]} is left out: any point of the face not visible",
    )


def test_no_people_map_to_no_people() -> None:
    assert map_joints(np.zeros((0, 18, 3)), KEYPOINT_NAMES, JOINT_SETS["human36"]).joints.shape == (0, 17, 3)


@pytest.mark.parametrize(
    ("shape", "joint_set", "message"),
    [
        (
            (1, 18, 3),
            "smpl",
            "the joints of smpl cannot be computed from a detector's 18 keypoints: sp",
        ),
        (
            (1, 18, 3),
            "mano",
            "the joints of mano cannot be computed .*: wrist, thumb_1, .*; use a detector of O",
        ),
        (
            (1, 17, 3),
            "coco",
            r"keypoints of shape \(1, 17, 3\); expected \(people, 18, 3\)",
        ),
    ],
)
def test_unmappable_keypoints_are_rejected(shape: tuple[int, ...], joint_set: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        map_joints(np.ones(shape), KEYPOINT_NAMES, JOINT_SETS[joint_set])
