from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.poses import gtrs, pose2mesh
from posedeploy.poses.preprocess_joints import find_box, prepare_joints
from posedeploy.specs import joints_spec
from posedeploy.types import Array, Camera, JointsContract, PlacedJoints, Tensors

SPEC = joints_spec("pose2mesh", JOINT_SETS["human36"], 6890)


def _people(count: int = 1, joints: int = 17, numbers: int = 2) -> Array:
    people = np.random.RandomState(0).uniform(10, 400, (count, joints, numbers))
    people[..., 2:] /= 400  # the scores
    return people


def test_joints_become_the_published_input(data: Path, reference: Path) -> None:
    for path in (data / "mesh" / "joints.npz", reference / "preprocess" / "pose2mesh-and-gtrs_joints.npz"):
        golden = np.load(path)
        tensors, placed = prepare_joints(golden["joints"], SPEC)
        assert tensors["pose2d"].dtype == np.float32
        assert np.abs(tensors["pose2d"] - golden["input"]).max() < 1e-5
        assert np.abs(find_box(golden["joints"], JointsContract("human36")) - golden["box"]).max() < 1e-3
        assert placed.joints[0, :, :2].tolist() == golden["joints"].tolist()


def test_people_are_normalized_separately_and_keep_their_scores() -> None:
    people = _people(3, numbers=3)
    tensors, placed = prepare_joints(people, SPEC)
    assert tensors["pose2d"].shape == (3, 17, 2)
    assert np.allclose(tensors["pose2d"].mean(axis=1), 0, atol=1e-6)
    assert np.allclose(tensors["pose2d"].std(axis=1), 1, atol=1e-6)
    assert np.array_equal(placed.joints, people)
    alone, _ = prepare_joints(people[1], SPEC)
    assert np.array_equal(alone["pose2d"][0], tensors["pose2d"][1])


def test_a_margin_enlarges_the_box_around_its_center() -> None:
    points = np.array([[0.0, 0.0], [101.0, 101.0]])
    assert find_box(points, JointsContract("human36")).tolist() == [0, 50 - 200 / 3, 100, 400 / 3]
    assert find_box(points, JointsContract("human36", aspect=1, margin=1.5)).tolist() == [-25, -25, 150, 150]


def _with(place: tuple[object, ...], value: float) -> Array:
    people = _people(2)
    people[place] = value  # type: ignore[index]
    return people


BAD = {
    "NaN": (
        _with((1, (3, 16)), np.nan),
        "person 1: NaN or infinity in r_ank, r_wri; expected every joint, in px",
    ),
    "infinity": (_with((0, 0, 0), np.inf), "person 0: NaN or infinity in pelvis"),
    "all equal": (_with((1,), 7.0), "person 1: all joints have the same position; expected the joints of a"),
    "a line": (_with((0, slice(None), 1), 7.0), "person 0: all joints have the same y; expected the joints"),
    "too close": (
        _people(1) / 1000,
        "the joints span 0.3.*px, too little for a pose; expected joints in pix",
    ),
    "fewer": (
        _people(1, 15),
        "15 joints per person; this network takes the 17 of human36: pelvis r_hip r_knee",
    ),
    "another set": (
        _people(1, 19),
        "19 joints per person, which is the number of coco; this network takes the 17",
    ),
    "no people": (
        _people(0),
        r"joints of shape \(0, 17, 2\); expected \(people, 17, 2\): x and y in px, or 3 with",
    ),
    "in 3D": (_people(1, 17, 4), r"joints of shape \(1, 17, 4\); expected \(people, 17, 2\)"),
    "flat": (np.zeros(34), r"joints of shape \(34,\); expected"),
    "words": (np.array([["a", "b"]]), "joints of type <U1; expected numbers"),
}


@pytest.mark.parametrize("what", BAD)
def test_invalid_joints_are_rejected(what: str) -> None:
    joints, message = BAD[what]
    with pytest.raises(InputError, match=message):
        prepare_joints(joints, SPEC)


def test_joints_of_an_unknown_set_use_the_names_of_the_spec() -> None:
    names = ("nose", "tail", "fin")
    own = replace(SPEC, joints=JointsContract("its own"), keypoint_names=names)
    tensors, placed = prepare_joints(_people()[:, :3], own)
    assert tensors["pose2d"].shape == (len(_people()), 3, 2)
    assert placed.joints.shape == (len(_people()), 3, 3)
    with pytest.raises(InputError, match="this network takes the 3 of its own: nose tail fin"):
        prepare_joints(_people(), own)


def test_networks_without_joints_and_other_batches_are_rejected() -> None:
    with pytest.raises(InputError, match="x takes no 2D joints; use an image"):
        prepare_joints(_people(), replace(SPEC, family="x", joints=None))
    fixed = replace(SPEC, inputs=(replace(SPEC.inputs[0], shape=(1, 17, 2)),))
    with pytest.raises(
        InputError, match="2 people, but this network takes 1 at once; export it again with `dynamic`"
    ):
        prepare_joints(_people(2), fixed)
    unseen = _people(2, numbers=3)
    unseen[1, 4] = -1
    with pytest.raises(InputError, match="person 1: missing, with a score below 0: l_hip; expected all"):
        prepare_joints(unseen, SPEC)


def test_outputs_become_joints_and_vertices_in_mm() -> None:
    assert gtrs.decode is pose2mesh.decode
    placed = PlacedJoints(_people(2, numbers=3))
    outputs = {"cam_mesh": np.ones((2, 6890, 3), np.float32), "pose3d": np.full((2, 17, 3), 5, np.float32)}
    poses = pose2mesh.decode(outputs, SPEC, placed, Camera())
    assert len(poses) == len(placed) == 2
    assert poses.vertices is not None and poses.keypoints_3d is not None
    assert (poses.vertices == 1000).all()
    assert (poses.keypoints_3d[..., :3] == 5).all()
    assert np.array_equal(poses.keypoints_3d[..., 3], placed.joints[..., 2])
    assert np.array_equal(poses.keypoints, placed.joints)
    lifter = joints_spec("pose2mesh", JOINT_SETS["human36"])
    assert pose2mesh.decode({"pose3d": outputs["pose3d"]}, lifter, placed, Camera()).vertices is None


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, "no output for 'pose3d'; the outputs are "),
        (
            {"pose3d": np.zeros((1, 17, 3))},
            r"pose3d has shape \(1, 17, 3\); expected 2 people and 3 coordinates",
        ),
        ({"pose3d": np.zeros((2, 19, 3))}, "pose3d has 19 joints, but the input 17"),
        (
            {"pose3d": np.zeros((2, 17, 3)), "mesh": 1},
            "no output for 'cam_mesh'; the outputs are pose3d, mesh",
        ),
    ],
)
def test_invalid_outputs_are_rejected(outputs: Tensors, message: str) -> None:
    placed = PlacedJoints(_people(2, numbers=3))
    with pytest.raises(InputError, match=message):
        pose2mesh.decode(outputs, SPEC, placed, Camera())
