from __future__ import annotations

import pytest

from posedeploy.errors import InputError
from posedeploy.families import joint_set, published_joint_set
from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import (
    JOINT_SETS,
    KEYPOINT_SETS,
    UNKNOWN_SIGMA,
    JointSet,
    set_named,
    sigmas_of,
)
from posedeploy.poses import (
    gtrs,
    lightweight_openpose_2d,
    lightweight_openpose_3d,
    mobile_human_pose,
    pose2mesh,
    pose_hg_3d,
)


@pytest.mark.parametrize("joints", JOINT_SETS.values(), ids=JOINT_SETS)
def test_a_joint_set_is_complete(joints: JointSet) -> None:
    assert len(set(joints.joints)) == len(joints) == len(joints.sigmas)
    assert {end for edge in (*joints.bones, *joints.pairs) for end in edge} <= set(range(len(joints)))
    assert len({frozenset(bone) for bone in joints.bones}) == len(joints.bones)


@pytest.mark.parametrize("name", ["human36", "coco", "smpl", "mano"])
def test_bones_and_pairs_contain_every_joint_of_a_set_for_graphs(name: str) -> None:
    joints = JOINT_SETS[name]
    assert {end for edge in (*joints.bones, *joints.pairs) for end in edge} == set(range(len(joints)))


def test_each_family_has_its_joint_sets_by_number_of_joints() -> None:
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
        for count in (None, len(poses.KEYPOINT_NAMES)):
            joints = joint_set(family, count)
            assert (joints.joints, joints.bones) == (poses.KEYPOINT_NAMES, poses.SKELETON)
        assert joint_set(family, 2).joints == ("joint_0", "joint_1")
    # As published for OpenPose's keypoints: nose neck r_sho r_elb r_wri l_sho ... r_eye l_eye r_ear l_ear.
    assert joint_set("lightweight-openpose-2d").sigmas == (
        0.026, 0.079, 0.079, 0.072, 0.062, 0.079, 0.072, 0.062, 0.107,
        0.087, 0.089, 0.107, 0.087, 0.089, 0.025, 0.025, 0.035, 0.035,
    )  # fmt: skip
    assert sigmas_of(("body_center", "r_hip")) == (0.107, 0.107)
    assert sigmas_of(("leftAnkle", "REye", "hip.R", "headTop")) == (0.089, 0.025, 0.107, 0.026)


def test_an_unknown_number_of_joints_is_numbered_or_an_error() -> None:
    numbered = joint_set("pose-hg-3d", 3)
    assert (numbered.joints, numbered.bones) == (("joint_0", "joint_1", "joint_2"), ())
    assert published_joint_set("gtrs", 24) is JOINT_SETS["smpl"]
    with pytest.raises(
        InputError,
        match="a network on 5 joints, and no joint set of gtrs has as many; the sets are human36 17, c",
    ):
        published_joint_set("gtrs", 5)


def edges(text: str) -> set[frozenset[int]]:
    """Return the unordered pairs in ``0-7 7-8``."""
    return {frozenset(map(int, edge.split("-"))) for edge in text.split()}


PUBLISHED = {
    "human36": (
        "0-7 7-8 8-9 9-10 8-11 11-12 12-13 8-14 14-15 15-16 0-1 1-2 2-3 0-4 4-5 5-6",
        "1-4 2-5 3-6 14-11 15-12 16-13",
    ),
    "coco": (
        "1-2 0-1 0-2 2-4 1-3 6-8 8-10 5-7 7-9 12-14 14-16 11-13 13-15 17-11 17-12 17-18 18-5 18-6 18-0",
        "1-2 3-4 5-6 7-8 9-10 11-12 13-14 15-16",
    ),
    "smpl": (
        "0-1 1-4 4-7 7-10 0-2 2-5 5-8 8-11 0-3 3-6 6-9 9-14 14-17 17-19 19-21 21-23 9-13 13-16 16-18 18-20 "
        "20-22 9-12 12-15",
        "1-2 4-5 7-8 10-11 13-14 16-17 18-19 20-21 22-23",
    ),
    "mano": (
        "0-1 0-5 0-9 0-13 0-17 1-2 2-3 3-4 5-6 6-7 7-8 9-10 10-11 11-12 13-14 14-15 15-16 17-18 18-19 19-20",
        "1-5 5-9 9-13 13-17 2-6 6-10 10-14 14-18 3-7 7-11 11-15 15-19 4-8 8-12 12-16 16-20",
    ),
    "human36-18": ("0-7 7-8 8-9 9-10 8-11 11-12 12-13 8-14 14-15 15-16 0-1 1-2 2-3 0-4 4-5 5-6", ""),
    "muco": (
        "0-16 16-1 1-15 15-14 14-8 14-11 8-9 9-10 10-19 11-12 12-13 13-20 1-2 2-3 3-4 4-17 1-5 5-6 6-7 7-18",
        "",
    ),
    "mpii": ("0-1 1-2 2-6 6-3 3-4 4-5 10-11 11-12 12-8 8-13 13-14 14-15 6-8 8-9", ""),
}
"""The bones and pairs of the training. A checkpoint of Pose2Mesh does not contain its graph, so one wrong
edge causes wrong meshes without an error."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_bones_and_pairs_are_the_published_ones(name: str) -> None:
    joints = JOINT_SETS[name]
    for pairs, published in zip((joints.bones, joints.pairs), PUBLISHED[name], strict=True):
        assert {frozenset(edge) for edge in pairs} == edges(published)


def test_datasets_with_sigmas_of_their_own_have_them() -> None:
    whole = JOINT_SETS["wholebody133"]
    assert len(whole.sigmas) == 133
    assert whole.sigmas[:17] == JOINT_SETS["coco-17"].sigmas
    assert whole.sigmas[17:23] == (0.068, 0.066, 0.066, 0.092, 0.094, 0.094)
    assert whole.sigmas[91:112] == whole.sigmas[112:] == JOINT_SETS["mano"].sigmas
    assert sigmas_of(whole.joints) == sigmas_of(tuple(map(coco_name, whole.joints))) == whole.sigmas
    assert sigmas_of(whole.joints[:17]) == JOINT_SETS["coco-17"].sigmas


@pytest.mark.parametrize("name", KEYPOINT_SETS)
def test_a_set_of_contracts_has_its_number_of_keypoints_and_a_skeleton(name: str) -> None:
    joints = set_named(name, "net.toml")
    assert len(joints) == int(name.rpartition("-")[2])
    assert joints.bones
