from __future__ import annotations

import pytest

from posedeploy.errors import InputError
from posedeploy.families import joint_set, published_joint_set
from posedeploy.joint_sets import JOINT_SETS, UNKNOWN_SIGMA, JointSet, sigmas_of
from posedeploy.poses import (
    gtrs,
    lightweight_openpose_2d,
    lightweight_openpose_3d,
    mobile_human_pose,
    pose2mesh,
    pose_hg_3d,
)
from posedeploy.poses.coco import coco_name


@pytest.mark.parametrize("joints", JOINT_SETS.values(), ids=JOINT_SETS)
def test_a_joint_set_is_whole(joints: JointSet) -> None:
    assert len(set(joints.joints)) == len(joints) == len(joints.sigmas)
    assert {end for edge in (*joints.bones, *joints.pairs) for end in edge} <= set(range(len(joints)))
    assert len({frozenset(bone) for bone in joints.bones}) == len(joints.bones)


@pytest.mark.parametrize("name", ["human36", "coco", "smpl", "mano"])
def test_bones_and_pairs_reach_every_joint_of_a_set_that_graphs_are_made_of(name: str) -> None:
    joints = JOINT_SETS[name]
    assert {end for edge in (*joints.bones, *joints.pairs) for end in edge} == set(range(len(joints)))


def test_the_families_know_their_sets_by_number() -> None:
    sets = {
        poses.__name__.rpartition(".")[2]: {
            number: joints.name for number, joints in poses.JOINT_SETS.items()
        }
        for poses in (mobile_human_pose, pose_hg_3d, pose2mesh, gtrs)
    }
    assert sets == {
        "mobile_human_pose": {18: "human36-18", 21: "muco"},
        "pose_hg_3d": {16: "mpii", 17: "coco-17"},
        "pose2mesh": {17: "human36", 19: "coco", 24: "smpl", 21: "mano"},
        "gtrs": {17: "human36", 19: "coco", 24: "smpl"},
    }


def test_every_known_joint_has_the_sigma_of_its_part() -> None:
    known = {joint for joints in JOINT_SETS.values() for joint in joints.joints}
    by_coco = {coco_name("shoulder"): 0.079, "left_shoulder": 0.079, "right_ankle": 0.089, "left_eye": 0.025}
    for joints in JOINT_SETS.values():
        for joint, sigma in zip(joints.joints, joints.sigmas, strict=True):
            assert sigma == by_coco.get(coco_name(joint), sigma)
    assert {"pelvis", "head_top", "thumb_1", "l_toe"} <= known
    smpl = dict(zip(JOINT_SETS["smpl"].joints, JOINT_SETS["smpl"].sigmas, strict=True))
    assert (smpl["r_wri"], smpl["l_hand"], smpl["chest"], smpl["l_thorax"]) == (0.062, 0.062, 0.107, 0.079)
    assert JointSet("", ("elsewhere",), ()).sigmas == (UNKNOWN_SIGMA,)


def test_families_without_sets_have_their_own_joints() -> None:
    for family, poses in (
        ("lightweight-openpose-2d", lightweight_openpose_2d),
        ("lightweight-openpose-3d", lightweight_openpose_3d),
    ):
        found = joint_set(family, 5)
        assert (found.joints, found.bones) == (poses.KEYPOINT_NAMES, poses.SKELETON)
    # As published for OpenPose's keypoints: nose neck r_sho r_elb r_wri l_sho ... r_eye l_eye r_ear l_ear.
    assert joint_set("lightweight-openpose-2d").sigmas == (
        0.026, 0.079, 0.079, 0.072, 0.062, 0.079, 0.072, 0.062, 0.107,
        0.087, 0.089, 0.107, 0.087, 0.089, 0.025, 0.025, 0.035, 0.035,
    )  # fmt: skip
    assert sigmas_of(("body_centre", "r_hip")) == (0.107, 0.107)


def test_a_number_that_no_set_has_is_named_by_number_or_refused() -> None:
    numbered = joint_set("pose-hg-3d", 3)
    assert (numbered.joints, numbered.bones) == (("joint_0", "joint_1", "joint_2"), ())
    assert published_joint_set("gtrs", 24) is JOINT_SETS["smpl"]
    with pytest.raises(
        InputError, match="a network on 5 joints, and no set of gtrs has as many; the sets are human36 17, c"
    ):
        published_joint_set("gtrs", 5)
