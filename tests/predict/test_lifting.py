"""Lifting of 2D joints from a detector or a file, for any number of people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.errors import ArtifactError, InputError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.poses.joint_mapping import MappedPeople
from posedeploy.predict.frames import Frame
from posedeploy.predict.images import read_image
from posedeploy.predict.joint_files.joint_source import MIN_SIDE
from posedeploy.predict.joint_files.people import joints_from_file
from posedeploy.predict.lifting import Lifter, joints_from_detector
from posedeploy.predict.sources import open_source
from posedeploy.types import Array, ModelSpec, Poses, Ranges, Tensors
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, MakeVideo, write_image
from tests.predict.lifters import MM, StretchRunner, lifter_spec
from tests.predict.lifting_cases import detector, document, find_nobody, joints_file, lift, people


def test_a_batch_returns_the_same_as_single_people() -> None:
    joints = np.pad(people(count=5), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    free, one = lifter_spec(), lifter_spec(batch=1)
    runners = StretchRunner(free), StretchRunner(one)
    together, apart = (
        Lifter(runner, spec, find_nobody).lift(joints)
        for runner, spec in zip(runners, (free, one), strict=True)
    )
    assert (runners[0].batches, runners[1].batches) == ([5], [1] * 5)
    assert together.keypoints_3d is not None and apart.keypoints_3d is not None
    np.testing.assert_array_equal(together.keypoints_3d, apart.keypoints_3d)
    np.testing.assert_array_equal(together.keypoints, joints)
    normal = (joints[..., :2] - joints[..., :2].mean(1, keepdims=True)) / joints[..., :2].std(
        1, keepdims=True
    )
    np.testing.assert_allclose(together.keypoints_3d[..., :2], MM * normal, rtol=1e-5, atol=1e-3)


def test_a_fixed_batch_is_padded() -> None:
    fixed, free = lifter_spec(batch=4), lifter_spec()
    joints = np.concatenate([people(count=6), np.ones((6, 17, 1))], axis=2)
    runner = StretchRunner(fixed)
    found, wanted = (
        Lifter(runner, fixed, find_nobody).lift(joints),
        Lifter(StretchRunner(free), free, find_nobody).lift(joints),
    )
    assert runner.batches == [4, 4]
    assert found.keypoints_3d is not None and wanted.keypoints_3d is not None
    np.testing.assert_array_equal(found.keypoints_3d, wanted.keypoints_3d)
    np.testing.assert_array_equal(found.keypoints, joints)


@pytest.mark.parametrize("joint_set", ["human36", "coco"])
def test_detected_people_are_lifted(joint_set: str, tmp_path: Path, photo: Array) -> None:
    spec = lifter_spec(joint_set)
    found = joints_from_detector(detector(), "crowd.onnx", spec)
    source = open_source(str(write_image(tmp_path / "a.png", photo)))
    prediction = lift(source, spec, found, tmp_path / "out")
    (seen,) = prediction.people
    assert seen + len(prediction.remarks) == PEOPLE
    content = document(tmp_path / "out")
    assert tuple(content.get("remarks", ())) == prediction.remarks
    assert content["source"]["joints"] == "crowd.onnx"
    assert content["units"]["keypoints_3d"] == "mm"
    names = JOINT_SETS[joint_set].joints
    assert content["categories"][0]["keypoints"] == list(names)
    for person in content["annotations"]:
        assert len(person["keypoints_3d"]) == len(person["keypoints"]) == 3 * len(names)
    assert read_image(tmp_path / "out" / "a.jpg").shape == (HEIGHT, 2 * WIDTH, 3)


def test_people_who_cannot_be_lifted_are_skipped_and_reported(tmp_path: Path, photo: Array) -> None:
    whole = detector()(photo).keypoints[:1]
    whole[0, :, :2] = people()[0, :1] + np.random.RandomState(3).uniform(0, 90, (18, 2))
    whole[0, :, 2] = 0.8
    crowd = np.repeat(whole, 3, axis=0)
    crowd[0, 4, :] = -1
    crowd[2, :, 0] = 70
    spec = lifter_spec()

    class Detector:
        spec = detector().spec

        def stream(self, frames: Any, refused: Any) -> Any:
            for frame in frames:
                yield frame, Poses(crowd, np.ones(3))

    found = joints_from_detector(Detector(), "joints_file", spec)  # type: ignore[arg-type]
    frame = Frame("clip.mp4", photo, 7, 0.28)
    lifter = Lifter(StretchRunner(spec), spec, found.find)
    ((_, poses),) = lifter.stream([frame])
    assert len(poses) == 1
    at = r"clip\.mp4, frame 7: the person at x {}, y \d+ to \d+ px is left out: "
    unseen, flat = lifter.remarks
    assert re.fullmatch(at.format(r"\d+ to \d+") + "r_wri not visible", unseen)
    assert re.fullmatch(
        at.format("70 to 70") + "all joints have the same x; expected the joints of a pose in px", flat
    )


class Ranged(StretchRunner):
    """A runner for ``least`` to ``most`` people at a time."""

    def __init__(self, spec: ModelSpec, least: int, most: int) -> None:
        super().__init__(spec)
        self.least, self.most = least, most

    @property
    def ranges(self) -> Ranges:
        (tensor,) = self.inputs
        rest = tuple(map(int, tensor.shape[1:]))
        return {tensor.name: ((self.least, *rest), (self.most, *rest))}


def test_more_people_than_a_batch_are_lifted_in_several_runs() -> None:
    spec = lifter_spec()
    joints = np.concatenate([people(count=5), np.ones((5, 17, 1))], axis=2)
    runner = Ranged(spec, 1, 2)
    assert len(Lifter(runner, spec, lambda frames, refused: iter(())).lift(joints)) == 5
    assert runner.batches == [2, 2, 1]
    several = Ranged(spec, 3, 4)
    assert len(Lifter(several, spec, find_nobody).lift(joints)) == 5
    assert several.batches == [4, 3]


def test_people_in_a_video_are_tracked(tmp_path: Path, video: MakeVideo) -> None:
    spec = lifter_spec()
    prediction = lift(
        open_source(str(video(frames=4))), spec, joints_from_detector(detector(), "d", spec), tmp_path / "out"
    )
    assert prediction.frames == 4
    content = document(tmp_path / "out")
    assert content["source"]["tracked"]
    assert len(prediction.remarks) == 4 * PEOPLE - len(content["annotations"])
    assert {person["track_id"] for person in content["annotations"]} <= set(range(PEOPLE))


def test_joints_from_a_file_are_lifted(tmp_path: Path) -> None:
    spec, joints = lifter_spec(), people()
    source = joints_file(tmp_path, joints)
    prediction = lift(source, spec, joints_from_file(source, spec), tmp_path / "out")
    assert prediction.people == (2,)
    content = document(tmp_path / "out")
    assert (content["source"]["kind"], content["source"]["joints"]) == ("joints", "joints.npy")
    np.testing.assert_allclose(
        np.reshape(content["annotations"][1]["keypoints"], (-1, 3))[:, :2], joints[1], atol=1e-3
    )
    assert (tmp_path / "out" / "joints.jpg").is_file()


def test_a_person_in_a_file_may_have_scores_and_be_near_the_origin(tmp_path: Path) -> None:
    spec = lifter_spec()
    source = joints_file(tmp_path, np.pad(people()[0] / 10, ((0, 0), (0, 1)), constant_values=0.7))
    lift(source, spec, joints_from_file(source, spec), tmp_path / "out", draw=False)
    content = document(tmp_path / "out")
    (person,) = content["annotations"]
    assert person["keypoint_scores"] == [0.7] * 17
    assert (content["images"][0]["width"], content["images"][0]["height"]) == (MIN_SIDE, MIN_SIDE)


@pytest.mark.parametrize(
    ("family", "joint_set", "message"),
    [
        (
            "pose-hg-3d",
            "human36",
            r"`detector=d`: the joints of human36 cannot be computed from .* 16 keypoints: nose",
        ),
        (
            "lightweight-openpose-2d",
            "smpl",
            "the joints of smpl cannot be computed from a detector's 18 keypoints",
        ),
    ],
)
def test_a_detector_without_the_required_keypoints_is_refused(
    family: str, joint_set: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        joints_from_detector(detector(family), "d", lifter_spec(joint_set))


def test_outputs_that_are_not_finite_are_refused(photo: Array) -> None:
    class Broken(StretchRunner):
        def _run(self, tensors: Tensors) -> Tensors:
            outputs = super()._run(tensors)
            outputs["pose3d"][0, 3, 1] = np.nan
            return outputs

    spec = lifter_spec()
    joints = np.pad(people(), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    with pytest.raises(ArtifactError, match=r"output pose3d contains NaN or infinity: .*parity` to compare"):
        Lifter(Broken(spec), spec, find_nobody).lift(joints)


def test_an_image_without_people_is_not_run(photo: Array) -> None:
    spec = lifter_spec()
    empty = MappedPeople(np.zeros((0, 17, 3)), ())
    runner = StretchRunner(spec)
    lifter = Lifter(runner, spec, lambda frames, refused: ((frame, empty) for frame in frames))
    ((_, poses),) = lifter.stream([Frame("a", photo, 0)])
    assert (len(poses), runner.batches) == (0, [])
