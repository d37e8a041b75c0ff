"""Keypoints of annotations and networks, matched by name."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.benchmarks.detections import match_keypoints
from posedeploy.errors import InputError
from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import sigmas_of
from posedeploy.poses import lightweight_openpose_2d, lightweight_openpose_3d
from posedeploy.poses.coco_keypoints import KEYPOINTS
from tests.benchmarks import coco


def test_the_3d_family_has_all_coco_keypoints() -> None:
    family = lightweight_openpose_3d
    common = match_keypoints(coco.NAMES, family.KEYPOINT_NAMES, sigmas_of(family.KEYPOINT_NAMES))
    assert common.names == coco.NAMES
    assert common.unscored == ("neck", "body_center")
    other = lightweight_openpose_2d
    np.testing.assert_array_equal(
        common.sigmas,
        match_keypoints(coco.NAMES, other.KEYPOINT_NAMES, sigmas_of(other.KEYPOINT_NAMES)).sigmas,
    )
    np.testing.assert_array_equal(np.array(sigmas_of(other.KEYPOINT_NAMES))[list(coco.OURS)], common.sigmas)


@pytest.mark.parametrize(
    "name",
    [
        "LEFT SHOULDER", "left-shoulder", "Left.Shoulder", "leftShoulder", "LeftShoulder", "LShoulder",
        "lshoulder", "shoulder_left", "Shoulder.L", "leftshoulder", "shoulderleft", "l_sho", "L Shldr",
        " left  shoulder ",
    ],
)  # fmt: skip
def test_every_spelling_of_a_keypoint_is_converted_to_that_of_coco(name: str) -> None:
    assert coco_name(name) == "left_shoulder"


@pytest.mark.parametrize(
    ("name", "converted"),
    [
        ("R_Ankle", "right_ankle"),
        ("neck", "neck"),
        ("REAR", "right_ear"),
        ("lEye", "left_eye"),
        ("l_eye", "left_eye"),
        ("EAR", "ear"),
    ],
)
def test_keypoint_names_are_converted_to_coco_spelling(name: str, converted: str) -> None:
    assert coco_name(name) == converted
    assert [coco_name(name) for name in ("MidHip", "hip_center", "mid-hip")] == ["pelvis"] * 3
    assert [coco_name(name) for name in ("Head Top", "keypoint_17", "spine1", "左肩")] == [
        "head_top", "keypoint_17", "spine_1", "左肩",
    ]  # fmt: skip
    assert coco_name("L_BigToe") == coco_name("left big toe") == "left_big_toe"
    assert {coco_name(name) for name in lightweight_openpose_2d.KEYPOINT_NAMES} == {*KEYPOINTS, "neck"}


def test_keypoints_that_cannot_be_matched_are_refused() -> None:
    with pytest.raises(
        InputError, match="no keypoint in common: the annotations have tail, and the network has"
    ):
        match_keypoints(["tail"], ["nose"], [0.1])
    with pytest.raises(InputError, match="the contract has 2 keypoint_names, expected 1, the number that"):
        match_keypoints(["nose"], ["nose", "neck"], [0.1])


def test_repeated_keypoint_names_are_refused() -> None:
    with pytest.raises(
        InputError,
        match=r"the keypoints 'left eye' and 'LEFT_EYE' of the annotations are both left_eye in COCO; rename",
    ):
        match_keypoints(("left eye", "LEFT_EYE"), ("nose", "l_eye"), (0.1, 0.1))
