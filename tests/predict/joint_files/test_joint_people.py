"""Joints of a file for a network: their set, their order, and people who are skipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.poses.joint_mapping import MappedPeople
from posedeploy.predict.joint_files.joint_source import JointsFile, JointsOptions
from posedeploy.predict.joint_files.people import joints_from_file
from posedeploy.predict.lifting import JointSource
from posedeploy.types import Array
from tests.predict.lifters import lifter_spec
from tests.predict.lifting_cases import document, lift
from tests.support.bodies import synthetic_people

HUMAN36 = synthetic_people("human36", 3)


def given(folder: Path, joints: Array, **options: Any) -> JointsFile:
    np.save(folder / "joints.npy", joints)
    return JointsFile(folder / "joints.npy", JointsOptions(**options))


def found(source: JointsFile, joint_set: str = "human36") -> tuple[JointSource, list[MappedPeople]]:
    people = joints_from_file(source, lifter_spec(joint_set))
    return people, [mapped for _, mapped in people.find(source, None)]


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        ("coco", "human36"),
        ("openpose18", "human36"),
        ("body25", "human36"),
        ("halpe26", "human36"),
        ("panoptic19", "human36"),
        ("mediapipe33", "human36"),
        ("mpii", "human36"),
        ("lsp14", "human36"),
        ("crowdpose14", "human36"),
        ("aic14", "human36"),
        ("3dhp17", "human36"),
        ("openpose-mpi15", "human36"),
        ("coco", "coco"),
        ("body25", "coco"),
        ("human36", "coco"),
    ],
)
def test_a_joint_set_is_mapped_to_that_of_the_network(own: str, wanted: str, tmp_path: Path) -> None:
    name = "coco-17" if own == "coco" else own
    source = given(tmp_path, synthetic_people(name, 2), joint_set=own)
    people, (mapped,) = found(source, wanted)
    assert people.remarks[0].startswith(f"joints.npy: the joints of {name} are mapped to those of {wanted}")
    expected = synthetic_people(wanted, 2)
    limbs = [
        joint
        for joint in JOINT_SETS[wanted].joints
        if joint[2:5] in ("sho", "elb", "wri", "hip", "kne", "ank")
    ]
    for joint in (*limbs, "pelvis", "neck"):
        at = JOINT_SETS[wanted].joints.index(joint)
        np.testing.assert_allclose(mapped.joints[:, at, :2], expected[:, at], atol=2)
    head = JOINT_SETS[wanted].joints.index("nose")
    assert np.abs(mapped.joints[:, head, :2] - expected[:, head]).max() < 25


def test_a_set_named_in_the_file_needs_no_option(tmp_path: Path) -> None:
    people = synthetic_people("body25", 1, scored=True)
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": people.ravel().tolist()}]}))
    gathered, (mapped,) = found(JointsFile(path))
    assert len(mapped.joints) == 1
    assert gathered.remarks == ("a.json: the joints of body25 are mapped to those of human36",)


def test_a_missing_joint_skips_only_that_person(tmp_path: Path) -> None:
    joints = np.pad(HUMAN36, ((0, 0), (0, 0), (0, 1)), constant_values=0.9)
    joints[1, 5] = 0
    people, (mapped,) = found(given(tmp_path, joints))
    assert people.remarks == ()
    np.testing.assert_array_equal(mapped.joints, joints[[0, 2]])
    assert mapped.warnings == ("person 1 is left out: l_knee missing (score 0, NaN, -1 or position 0, 0)",)
    coco = synthetic_people("coco-17", 2, scored=True)
    coco[0, 1:3] = 0  # the eyes have others that stand in for them
    coco[1, 9] = np.nan
    _, (mapped,) = found(given(tmp_path, coco, joint_set="coco"))
    assert len(mapped.joints) == 1
    assert mapped.warnings == (
        "person 1 is left out: left_wrist missing (score 0, NaN, -1 or position 0, 0)",
    )


def test_a_frame_without_people_stays_in_a_sequence(tmp_path: Path) -> None:
    joints = np.stack([HUMAN36[0] + step for step in range(6)])
    joints[3, 8] = 0
    source = given(tmp_path, joints, is_sequence=True, fps=10.0)
    spec = lifter_spec()
    prediction = lift(source, spec, joints_from_file(source, spec), tmp_path / "out")
    assert prediction.people == (1, 1, 1, 0, 1, 1)
    content = document(tmp_path / "out")
    assert (content["source"]["fps"], content["source"]["smoothed"]) == (10, True)
    assert [image["time_s"] for image in content["images"]] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert "joints.npy, frame 3: person 0 is left out: neck missing" in content["remarks"][-1]
    assert {path.name for path in prediction.files} == {"joints.mp4", "poses.json"}


def test_poses_json_is_read(tmp_path: Path) -> None:
    spec = lifter_spec()
    source = given(tmp_path, np.stack([HUMAN36[0]] * 3), is_sequence=True, fps=50.0)
    lift(source, spec, joints_from_file(source, spec), tmp_path / "out", draw=False)
    again = JointsFile(tmp_path / "out" / "poses.json")
    assert again.is_video and again.fps == pytest.approx(50)
    people, frames = found(again)
    assert people.remarks == ()
    assert [len(frame.joints) for frame in frames] == [1, 1, 1]
    np.testing.assert_allclose(frames[0].joints[0, :, :2], HUMAN36[0], atol=1e-3)


def test_joints_in_another_order_are_refused_with_the_likely_set(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"not in the order of human36: .*They fit coco-17; add `joints=coco-17`"
    ):
        found(given(tmp_path, synthetic_people("coco-17", 1)))
    with pytest.raises(
        InputError, match=r"not in the order of coco-17: .*They fit human36; add `joints=human36`"
    ):
        found(given(tmp_path, HUMAN36, joint_set="coco"))
    moved = HUMAN36.copy()
    moved[:, 0] += 200
    message = (
        r"human36: pelvis is not near the middle of the hips\. No other known set of 17 joints fits either "
        r"\(coco-17, posetrack17, 3dhp17\)\. Pass the right set with `joints=NAME`; `joints=human36` uses the"
    )
    with pytest.raises(InputError, match=message):
        found(given(tmp_path, moved))
    people, (mapped,) = found(given(tmp_path, moved, joint_set="human36"))
    assert len(mapped.joints) == 3
    assert people.remarks[-1].startswith("joints.npy: the joints do not fit human36: pelvis is not near")


def test_implausible_people_and_an_upward_y_axis_are_reported(tmp_path: Path) -> None:
    odd = HUMAN36.copy()
    odd[1, 16] += 500
    people, (mapped,) = found(given(tmp_path, odd))
    assert len(mapped.joints) == 3
    assert people.remarks[0].startswith("joints.npy: person 1 has impossible proportions: r_elb to r_wri is")
    people, _ = found(given(tmp_path, HUMAN36 * (1, -1) + (0, 480)))
    assert "if y points up in this file, negate it" in people.remarks[0]


@pytest.mark.parametrize(
    ("own", "wanted", "message"),
    [
        (
            "openpose18",
            "human36",
            "18 joints per person, as in human36-18 and openpose18; this network expects the 17 of "
            r"human36: pelvis .* r_wri\. They fit openpose18; add `joints=openpose18`",
        ),
        (
            "coco-17",
            "smpl",
            "17 joints per person, as in human36, coco-17, posetrack17 and 3dhp17; "
            "this network expects the 24 of smpl: .* r_hand, which cannot be computed from them$",
        ),
    ],
)
def test_another_number_of_joints_is_refused_with_the_likely_set(
    own: str, wanted: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        found(given(tmp_path, synthetic_people(own, 2)), wanted)


def test_unusable_joint_sets_are_refused(tmp_path: Path) -> None:
    random = np.random.RandomState(1).uniform(20, 400, (1, 20, 2))
    with pytest.raises(
        InputError, match="20 joints per person, as in no known set; this network expects the 17"
    ):
        found(given(tmp_path, random))
    with pytest.raises(InputError, match=r"`joints=body`: joints\.npy: unknown joint set 'body'"):
        found(given(tmp_path, HUMAN36, joint_set="body"))
    with pytest.raises(
        InputError, match=r"`joints=halpe`: joints\.npy: each person has 17 joints, but halpe has 26 or 136"
    ):
        found(given(tmp_path, HUMAN36, joint_set="halpe"))
    with pytest.raises(
        InputError, match=r"the joints of human36, .*computed from those of mano: right_shoulder"
    ):
        found(given(tmp_path, np.random.RandomState(1).uniform(20, 400, (1, 21, 2)), joint_set="hand21"))


def test_normalized_joints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"x and y are from 0\.\d+ to 0\.\d+, so they are normalized; expected px; add `image_size=HxW`",
    ):
        given(tmp_path, HUMAN36 / (640, 480))
    source = given(tmp_path, HUMAN36 / (640, 480), image_size=(480, 640))
    _, (mapped,) = found(source)
    np.testing.assert_allclose(mapped.joints[..., :2], HUMAN36)
    (frame,) = source
    assert frame.image.shape == (480, 640, 3)
    with pytest.raises(
        InputError, match=r"normalized around the image's center; .* x px is \(x \+ 1\) \* width / 2"
    ):
        given(tmp_path, HUMAN36 / (320, 320) - 1)


def test_joints_that_are_not_poses_are_refused(tmp_path: Path) -> None:
    flat = HUMAN36.copy()
    flat[:, :, 1] = 70
    with pytest.raises(
        InputError, match=r"person 0 is left out: all joints have the same y; expected .* of a pose in px; no"
    ):
        found(given(tmp_path, flat))
    with pytest.raises(InputError, match="person 0 is left out: all joints have the same position"):
        found(given(tmp_path, np.full((17, 2), 50.0)))
    flat = HUMAN36.copy()
    flat[0, :, 1] = 70
    _, (mapped,) = found(given(tmp_path, flat))
    assert len(mapped.joints) == 2 and len(mapped.warnings) == 1
    with pytest.raises(
        InputError, match=r"joint 0 is missing in every person, .* relative to it, add its position"
    ):
        found(given(tmp_path, HUMAN36 - HUMAN36[:, :1]))


def test_people_far_outside_the_image_are_skipped(tmp_path: Path) -> None:
    joints = HUMAN36.copy()
    joints[2] *= 1e5
    people, (mapped,) = found(given(tmp_path, joints))
    assert len(mapped.joints) == 2
    assert people.remarks[0].startswith("joints.npy: person 2 is left out: a coordinate is")
    with pytest.raises(InputError, match="expected px of an image, at most 8192"):
        given(tmp_path, 1e6 * HUMAN36)


def test_frame_names_cannot_leave_the_output_folder(tmp_path: Path) -> None:
    person = synthetic_people("coco-17", 1, scored=True).ravel().tolist()
    names = ("../../a.jpg", "sub\\b.jpg", "x/a.jpg", "c\n.jpg", "..")
    entries = [{"image_id": name, "category_id": 1, "keypoints": person} for name in names]
    (tmp_path / "a.json").write_text(json.dumps(entries))
    source, spec = JointsFile(tmp_path / "a.json"), lifter_spec()
    prediction = lift(source, spec, joints_from_file(source, spec), tmp_path / "out")
    assert {path.name for path in prediction.files} == {
        "a.jpg",
        "a.jpg.poses-2.jpg",
        "a.jpg.poses.jpg",
        "b.jpg",
        "c\\n.jpg",
        "poses.json",
    }


def test_a_frame_rate_requires_a_sequence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`fps=5`: joints\.npy is not read as a sequence; add `sequence`"):
        given(tmp_path, HUMAN36, fps=5.0)
    with pytest.raises(InputError, match="`fps=0`: expected frames per second, above 0 and at most 1000"):
        given(tmp_path, HUMAN36, fps=0.0, is_sequence=True)
