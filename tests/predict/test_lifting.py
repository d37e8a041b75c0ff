from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy import files
from posedeploy.errors import ArtifactError, InputError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.poses.joint_mapping import Mapped
from posedeploy.poses.tracking import Tracker
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.images import read_image
from posedeploy.predict.joint_files.joint_source import MIN_SIDE, JointsFile
from posedeploy.predict.joint_files.people import joints_from_file
from posedeploy.predict.lifting import JointSource, Lifter, joints_from_detector
from posedeploy.predict.pictures import Painter, fit_cameras, place_people
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.predict.run import Prediction, predict
from posedeploy.predict.sources import open_source
from posedeploy.types import Array, Artifact, ModelSpec, Poses, Ranges, Tensors
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, CrowdRunner, MakeVideo, spec_of, write_image
from tests.predict.lifters import CORNERS_M, FACES, MM, StretchRunner, lifter_spec
from tests.support.bodies import synthetic_people


def people(joint_set: str = "human36", count: int = 2) -> Array:
    """(people, joints, 2) px."""
    return synthetic_people(joint_set, count) * (WIDTH / 640, HEIGHT / 480)


def detector(family: str = "lightweight-openpose-2d") -> Predictor:
    spec = spec_of(family, height=HEIGHT, width=WIDTH)
    return Predictor(CrowdRunner(spec), spec)


def given(folder: Path, joints: Array) -> JointsFile:
    np.save(folder / "joints.npy", joints)
    return JointsFile(folder / "joints.npy")


def done(source: Source, spec: ModelSpec, found: JointSource, folder: Path, **settings: Any) -> Prediction:
    path = folder.with_suffix(".onnx")
    path.write_bytes(b"a model")
    artifact = Artifact(path, "onnx", spec, "fp32", {path.name: files.sha256(path)})
    return predict(
        source, StretchRunner(spec), artifact, folder, PredictOptions(joint_source=found, **settings)
    )


def document(folder: Path) -> Any:
    return json.loads((folder / "poses.json").read_text())


def nobody(frames: Any, refused: Any) -> Any:
    raise AssertionError("not asked for")


def test_all_people_at_once_or_one_by_one() -> None:
    joints = np.pad(people(count=5), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    free, one = lifter_spec(), lifter_spec(batch=1)
    runners = StretchRunner(free), StretchRunner(one)
    together, apart = (
        Lifter(runner, spec, nobody).lift(joints) for runner, spec in zip(runners, (free, one), strict=True)
    )
    assert (runners[0].batches, runners[1].batches) == ([5], [1] * 5)
    assert together.keypoints_3d is not None and apart.keypoints_3d is not None
    np.testing.assert_array_equal(together.keypoints_3d, apart.keypoints_3d)
    np.testing.assert_array_equal(together.keypoints, joints)
    normal = (joints[..., :2] - joints[..., :2].mean(1, keepdims=True)) / joints[..., :2].std(
        1, keepdims=True
    )
    np.testing.assert_allclose(together.keypoints_3d[..., :2], MM * normal, rtol=1e-5, atol=1e-3)


def test_of_a_fixed_number_of_people_places_are_filled_up() -> None:
    fixed, free = lifter_spec(batch=4), lifter_spec()
    joints = np.concatenate([people(count=6), np.ones((6, 17, 1))], axis=2)
    runner = StretchRunner(fixed)
    found, wanted = (
        Lifter(runner, fixed, nobody).lift(joints),
        Lifter(StretchRunner(free), free, nobody).lift(joints),
    )
    assert runner.batches == [4, 4]
    assert found.keypoints_3d is not None and wanted.keypoints_3d is not None
    np.testing.assert_array_equal(found.keypoints_3d, wanted.keypoints_3d)
    np.testing.assert_array_equal(found.keypoints, joints)


@pytest.mark.parametrize("joint_set", ["human36", "coco"])
def test_a_detectors_people_are_lifted(joint_set: str, tmp_path: Path, photo: Array) -> None:
    spec = lifter_spec(joint_set)
    found = joints_from_detector(detector(), "crowd.onnx", spec)
    source = open_source(str(write_image(tmp_path / "a.png", photo)))
    prediction = done(source, spec, found, tmp_path / "out")
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


def test_people_that_cannot_be_lifted_are_named_and_left_out(tmp_path: Path, photo: Array) -> None:
    whole = detector()(photo).keypoints[:1]
    whole[0, :, :2] = people()[0, :1] + np.random.RandomState(3).uniform(0, 90, (18, 2))
    whole[0, :, 2] = 0.8
    crowd = np.repeat(whole, 3, axis=0)
    crowd[0, 4, :] = -1
    crowd[2, :, 0] = 70
    spec = lifter_spec()

    class Given:
        spec = detector().spec

        def stream(self, frames: Any, refused: Any) -> Any:
            for frame in frames:
                yield frame, Poses(crowd, np.ones(3))

    found = joints_from_detector(Given(), "given", spec)  # type: ignore[arg-type]
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
    """Takes as many people at once as it says."""

    def __init__(self, spec: ModelSpec, least: int, most: int) -> None:
        super().__init__(spec)
        self.least, self.most = least, most

    @property
    def ranges(self) -> Ranges:
        (tensor,) = self.inputs
        rest = tuple(map(int, tensor.shape[1:]))
        return {tensor.name: ((self.least, *rest), (self.most, *rest))}


def test_more_people_than_a_network_takes_go_in_parts() -> None:
    spec = lifter_spec()
    joints = np.concatenate([people(count=5), np.ones((5, 17, 1))], axis=2)
    runner = Ranged(spec, 1, 2)
    assert len(Lifter(runner, spec, lambda frames, refused: iter(())).lift(joints)) == 5
    assert runner.batches == [2, 2, 1]
    several = Ranged(spec, 3, 4)
    assert len(Lifter(several, spec, nobody).lift(joints)) == 5
    assert several.batches == [4, 3]


def test_a_video_is_tracked(tmp_path: Path, video: MakeVideo) -> None:
    spec = lifter_spec()
    prediction = done(
        open_source(str(video(frames=4))), spec, joints_from_detector(detector(), "d", spec), tmp_path / "out"
    )
    assert prediction.frames == 4
    content = document(tmp_path / "out")
    assert content["source"]["tracked"]
    assert len(prediction.remarks) == 4 * PEOPLE - len(content["annotations"])
    assert {person["track_id"] for person in content["annotations"]} <= set(range(PEOPLE))


def test_a_mesh_that_does_not_change_stays_where_it_is_when_joints_are_smoothed(photo: Array) -> None:
    spec = lifter_spec(vertices=4)
    lifter = Lifter(StretchRunner(spec), spec, nobody)
    joints = np.pad(people(count=1), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    tracker = Tracker(lifter.sigmas)
    for turn in (joints, joints + np.random.RandomState(1).uniform(-3, 3, joints.shape) * (1, 1, 0)):
        raw = lifter.lift(turn)
        smooth = tracker.update(raw)
    assert raw.keypoints_3d is not None and raw.vertices is not None
    assert smooth.keypoints_3d is not None and smooth.vertices is not None
    assert np.abs(smooth.keypoints_3d - raw.keypoints_3d).max() > 0.1
    np.testing.assert_allclose(smooth.vertices, raw.vertices)


def test_joints_from_a_file(tmp_path: Path) -> None:
    spec, joints = lifter_spec(), people()
    source = given(tmp_path, joints)
    prediction = done(source, spec, joints_from_file(source, spec), tmp_path / "out")
    assert prediction.people == (2,)
    content = document(tmp_path / "out")
    assert (content["source"]["kind"], content["source"]["joints"]) == ("joints", "joints.npy")
    np.testing.assert_allclose(
        np.reshape(content["annotations"][1]["keypoints"], (-1, 3))[:, :2], joints[1], atol=1e-3
    )
    assert (tmp_path / "out" / "joints.jpg").is_file()


def test_one_person_of_a_file_may_have_scores_and_lie_near_the_origin(tmp_path: Path) -> None:
    spec = lifter_spec()
    source = given(tmp_path, np.pad(people()[0] / 10, ((0, 0), (0, 1)), constant_values=0.7))
    done(source, spec, joints_from_file(source, spec), tmp_path / "out", draw=False)
    content = document(tmp_path / "out")
    (person,) = content["annotations"]
    assert person["keypoint_scores"] == [0.7] * 17
    assert (content["images"][0]["width"], content["images"][0]["height"]) == (MIN_SIDE, MIN_SIDE)


def test_a_detector_whose_keypoints_do_not_do_is_refused() -> None:
    spec = lifter_spec()
    with pytest.raises(
        InputError,
        match=r"`detector=d`: the joints of human36 cannot be computed from .* 16 keypoints: nose",
    ):
        joints_from_detector(detector("pose-hg-3d"), "d", spec)
    with pytest.raises(
        InputError, match="the joints of smpl cannot be computed from a detector's 18 keypoints"
    ):
        joints_from_detector(detector(), "d", lifter_spec("smpl"))


def test_what_a_network_gives_that_is_no_number_is_refused(photo: Array) -> None:
    class Broken(StretchRunner):
        def _run(self, tensors: Tensors) -> Tensors:
            outputs = super()._run(tensors)
            outputs["pose3d"][0, 3, 1] = np.nan
            return outputs

    spec = lifter_spec()
    joints = np.pad(people(), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    with pytest.raises(ArtifactError, match=r"output pose3d contains NaN or infinity: .*parity` to compare"):
        Lifter(Broken(spec), spec, nobody).lift(joints)


def test_nobody_is_nobody(photo: Array) -> None:
    spec = lifter_spec()
    empty = Mapped(np.zeros((0, 17, 3)), ())
    runner = StretchRunner(spec)
    lifter = Lifter(runner, spec, lambda frames, refused: ((frame, empty) for frame in frames))
    ((_, poses),) = lifter.stream([Frame("a", photo, 0)])
    assert (len(poses), runner.batches) == (0, [])


def test_a_mesh_for_each_person_of_an_image(tmp_path: Path) -> None:
    spec = lifter_spec(vertices=4)
    source = given(tmp_path, people())
    prediction = done(source, spec, joints_from_file(source, spec), tmp_path / "out", faces=FACES)
    names = ["joints.jpg", "joints.person0.obj", "joints.person1.obj", "poses.json"]
    assert [path.name for path in prediction.files] == names
    assert prediction.remarks == ()
    content = document(tmp_path / "out")
    assert [person["mesh"] for person in content["annotations"]] == names[1:3]
    assert content["units"]["mesh"] == "m"
    lines = [line.split() for line in (tmp_path / "out" / names[1]).read_text().splitlines()]
    vertices = np.array([line[1:] for line in lines if line[:1] == ["v"]], np.float64)
    np.testing.assert_allclose(vertices, CORNERS_M * (1, -1, -1), atol=1e-6)
    triangles = np.array([line[1:] for line in lines if line[:1] == ["f"]], np.int64)
    np.testing.assert_array_equal(triangles, FACES + 1)


def test_a_mesh_as_glb(tmp_path: Path) -> None:
    spec = lifter_spec(vertices=4)
    source = given(tmp_path, people(count=1))
    found = joints_from_file(source, spec)
    done(source, spec, found, tmp_path / "out", faces=FACES, mesh_format=".glb", draw=False)
    assert (tmp_path / "out" / "joints.person0.glb").read_bytes().startswith(b"glTF")


def test_without_triangles_there_is_no_mesh_and_a_remark(tmp_path: Path) -> None:
    spec = lifter_spec(vertices=4)
    source = given(tmp_path, people())
    prediction = done(source, spec, joints_from_file(source, spec), tmp_path / "out")
    assert prediction.remarks == (
        "no mesh is drawn or written: the network has no triangles; name a mesh with `mesh=FILE`",
    )
    assert [path.name for path in prediction.files] == ["joints.jpg", "poses.json"]


def test_meshes_of_a_video_are_drawn_alone(tmp_path: Path, video: MakeVideo) -> None:
    spec = lifter_spec(vertices=4)
    found = joints_from_detector(detector(), "d", spec)
    prediction = done(open_source(str(video(frames=2))), spec, found, tmp_path / "out", faces=FACES)
    assert prediction.remarks[0] == "clip.avi: no mesh files are written: they are written for images only"
    assert [path.name for path in prediction.files] == ["clip.mp4", "poses.json"]


def test_the_mesh_is_drawn_over_its_person(tmp_path: Path) -> None:
    spec = lifter_spec(vertices=4)
    pictures = []
    for faces in (None, FACES):
        source = given(tmp_path, people(count=1))
        done(source, spec, joints_from_file(source, spec), tmp_path / "out", faces=faces)
        pictures.append(read_image(tmp_path / "out" / "joints.jpg").astype(int))
    x, y = people(count=1)[0].mean(axis=0).astype(int)
    differs = np.abs(pictures[0] - pictures[1]).max(axis=2) > 40
    assert differs[y - 30 : y + 40, x - 30 : x + 30].mean() > 0.3
    assert not differs[:, : x - 150].any()


def test_people_stand_beside_each_other_in_the_scene() -> None:
    spec = lifter_spec()
    joints = np.pad(people(count=1), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    poses = Lifter(StretchRunner(spec), spec, nobody).lift(
        np.concatenate([joints, joints + np.array([500, 0, 0])])
    )
    cameras = fit_cameras(poses)
    scene = place_people(poses, cameras, (1000, 400))
    assert poses.keypoints_3d is not None and scene.keypoints_3d is not None and cameras[0] is not None
    apart = (scene.keypoints_3d - poses.keypoints_3d)[:, 0, :3]
    assert apart[1, 0] - apart[0, 0] == pytest.approx(500 / cameras[0].scale, rel=1e-4)
    assert apart[0, 2] == pytest.approx(800 / cameras[0].scale)
    turned = replace(poses, keypoints_3d=poses.keypoints_3d * (-1, -1, 1, 1))
    assert fit_cameras(turned) == [None, None]
    assert place_people(turned, [None, None], (1000, 400)).keypoints_3d is not None


def test_a_mesh_that_no_camera_lays_over_the_image_is_not_drawn(photo: Array) -> None:
    spec = lifter_spec(vertices=4)
    joints = np.pad(people(count=1), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    poses = Lifter(StretchRunner(spec), spec, nobody).lift(joints)
    assert poses.keypoints_3d is not None
    painter = Painter(spec, is_video=False, faces=FACES)
    painter(photo, poses)
    assert painter.undrawn_meshes == 0
    painter(photo, replace(poses, keypoints_3d=poses.keypoints_3d * (-1, -1, 1, 1)))
    assert painter.undrawn_meshes == 1


class InsideOut(StretchRunner):
    """Gives everybody's point reflection, which no camera lays over the image."""

    def _run(self, tensors: Tensors) -> Tensors:
        return {name: -array for name, array in super()._run(tensors).items()}


@pytest.mark.parametrize(
    ("names", "count", "end"),
    [
        (("a.png",), 1, ": 1, in a.png"),
        (("a.png",), 2, ": 2, in a.png"),
        (("a.png", "b.png"), 1, ": 2, in a.png and 1 more"),
        (("a.png", "b.png", "c.png"), 2, ": 6, in a.png and 2 more"),
        (("clip.avi",), 1, ": 3"),
    ],
)
def test_images_whose_meshes_are_not_drawn_are_named(
    names: tuple[str, ...], count: int, end: str, tmp_path: Path, photo: Array, video: MakeVideo
) -> None:
    spec = lifter_spec(vertices=4)
    joints = np.pad(people(count=count), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    for name in names:
        if name == "clip.avi":
            source = open_source(str(video(frames=3)))
        else:
            (tmp_path / "in").mkdir(exist_ok=True)
            write_image(tmp_path / "in" / name, photo)
            source = open_source(str(tmp_path / "in"))

    def find(frames: Any, refused: Any) -> Any:
        for frame in frames:
            yield frame, Mapped(joints, ())

    path = tmp_path / "a.onnx"
    path.write_bytes(b"a model")
    artifact = Artifact(path, "onnx", spec, "fp32", {path.name: files.sha256(path)})
    options = PredictOptions(joint_source=JointSource("given", find), faces=FACES)
    prediction = predict(source, InsideOut(spec), artifact, tmp_path / "out", options)
    assert f"meshes not drawn{end}; no camera in front of the person projects" in " ".join(prediction.remarks)
