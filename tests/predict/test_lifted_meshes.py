"""Meshes of lifted people: files, drawings over the people, and the 3D scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy import files
from posedeploy.poses.joint_mapping import MappedPeople
from posedeploy.poses.tracking import Tracker
from posedeploy.predict.images import read_image
from posedeploy.predict.joint_files.people import joints_from_file
from posedeploy.predict.lifting import JointSource, Lifter, joints_from_detector
from posedeploy.predict.pictures import Painter, fit_cameras, place_people
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.predict.run import predict
from posedeploy.predict.sources import open_source
from posedeploy.types import Array, Artifact, Tensors
from tests.predict.conftest import MakeVideo, write_image
from tests.predict.lifters import CORNERS_M, FACES, StretchRunner, lifter_spec
from tests.predict.lifting_cases import detector, document, find_nobody, joints_file, lift, people


def test_smoothed_joints_leave_a_constant_mesh_in_place(photo: Array) -> None:
    spec = lifter_spec(vertices=4)
    lifter = Lifter(StretchRunner(spec), spec, find_nobody)
    joints = np.pad(people(count=1), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    tracker = Tracker(lifter.sigmas)
    for turn in (joints, joints + np.random.RandomState(1).uniform(-3, 3, joints.shape) * (1, 1, 0)):
        raw = lifter.lift(turn)
        smooth = tracker.update(raw)
    assert raw.keypoints_3d is not None and raw.vertices is not None
    assert smooth.keypoints_3d is not None and smooth.vertices is not None
    assert np.abs(smooth.keypoints_3d - raw.keypoints_3d).max() > 0.1
    np.testing.assert_allclose(smooth.vertices, raw.vertices)


def test_a_mesh_is_written_for_each_person(tmp_path: Path) -> None:
    spec = lifter_spec(vertices=4)
    source = joints_file(tmp_path, people())
    prediction = lift(source, spec, joints_from_file(source, spec), tmp_path / "out", faces=FACES)
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


def test_a_mesh_is_written_as_glb(tmp_path: Path) -> None:
    spec = lifter_spec(vertices=4)
    source = joints_file(tmp_path, people(count=1))
    found = joints_from_file(source, spec)
    lift(source, spec, found, tmp_path / "out", faces=FACES, mesh_format=".glb", draw=False)
    assert (tmp_path / "out" / "joints.person0.glb").read_bytes().startswith(b"glTF")


def test_a_network_without_triangles_is_reported(tmp_path: Path) -> None:
    spec = lifter_spec(vertices=4)
    source = joints_file(tmp_path, people())
    prediction = lift(source, spec, joints_from_file(source, spec), tmp_path / "out")
    assert prediction.remarks == (
        "no mesh is drawn or written: its triangles are unknown; pass a mesh with `mesh=FILE`",
    )
    assert [path.name for path in prediction.files] == ["joints.jpg", "poses.json"]


def test_meshes_of_a_video_are_drawn_but_not_written(tmp_path: Path, video: MakeVideo) -> None:
    spec = lifter_spec(vertices=4)
    found = joints_from_detector(detector(), "d", spec)
    prediction = lift(open_source(str(video(frames=2))), spec, found, tmp_path / "out", faces=FACES)
    assert prediction.remarks[0] == "clip.avi: no mesh files are written: they are written for images only"
    assert [path.name for path in prediction.files] == ["clip.mp4", "poses.json"]


def test_the_mesh_is_drawn_over_its_person(tmp_path: Path) -> None:
    spec = lifter_spec(vertices=4)
    pictures = []
    for faces in (None, FACES):
        source = joints_file(tmp_path, people(count=1))
        lift(source, spec, joints_from_file(source, spec), tmp_path / "out", faces=faces)
        pictures.append(read_image(tmp_path / "out" / "joints.jpg").astype(int))
    x, y = people(count=1)[0].mean(axis=0).astype(int)
    differs = np.abs(pictures[0] - pictures[1]).max(axis=2) > 40
    assert differs[y - 30 : y + 40, x - 30 : x + 30].mean() > 0.3
    assert not differs[:, : x - 150].any()


def test_people_stand_side_by_side_in_the_scene() -> None:
    spec = lifter_spec()
    joints = np.pad(people(count=1), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    poses = Lifter(StretchRunner(spec), spec, find_nobody).lift(
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


def test_a_mesh_without_a_possible_camera_is_not_drawn(photo: Array) -> None:
    spec = lifter_spec(vertices=4)
    joints = np.pad(people(count=1), ((0, 0), (0, 0), (0, 1)), constant_values=0.5)
    poses = Lifter(StretchRunner(spec), spec, find_nobody).lift(joints)
    assert poses.keypoints_3d is not None
    painter = Painter(spec, is_video=False, faces=FACES)
    painter(photo, poses)
    assert painter.undrawn_meshes == 0
    painter(photo, replace(poses, keypoints_3d=poses.keypoints_3d * (-1, -1, 1, 1)))
    assert painter.undrawn_meshes == 1


class InsideOut(StretchRunner):
    """A runner that mirrors every person at a point, so that no camera projects them onto the image."""

    def _run(self, tensors: Tensors) -> Tensors:
        return {name: -array for name, array in super()._run(tensors).items()}


@pytest.mark.parametrize(
    ("names", "count", "remark"),
    [
        (("a.png",), 1, "1 mesh not drawn, in a.png"),
        (("a.png",), 2, "2 meshes not drawn, in a.png"),
        (("a.png", "b.png"), 1, "2 meshes not drawn, in a.png and 1 more"),
        (("a.png", "b.png", "c.png"), 2, "6 meshes not drawn, in a.png and 2 more"),
        (("clip.avi",), 1, "3 meshes not drawn"),
    ],
)
def test_images_without_a_drawn_mesh_are_reported(
    names: tuple[str, ...], count: int, remark: str, tmp_path: Path, photo: Array, video: MakeVideo
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
            yield frame, MappedPeople(joints, ())

    path = tmp_path / "a.onnx"
    path.write_bytes(b"a model")
    artifact = Artifact(path, "onnx", spec, "fp32", {path.name: files.sha256(path)})
    options = PredictOptions(joint_source=JointSource("joints_file", find), faces=FACES)
    prediction = predict(source, InsideOut(spec), artifact, tmp_path / "out", options)
    assert f"{remark}: no weak-perspective camera fits the 3D joints" in " ".join(prediction.remarks)
