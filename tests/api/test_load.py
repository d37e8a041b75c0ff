"""``posedeploy.load``: every family, and input that is refused."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import posedeploy as pd
from posedeploy.errors import InputError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.types import Array, Artifact
from tests.api.conftest import crowd_model
from tests.predict.conftest import PEOPLE
from tests.test_docs import undocumented

JOINTS = np.random.default_rng(1).uniform(50, 200, (2, 17, 2))
"""Two people for a network on the joints of human36."""


@pytest.mark.parametrize("family", ["lightweight-openpose-2d", "lightweight-openpose-3d"])
def test_several_people_in_an_image_are_found(family: str, photo: Array, photo_file: Path) -> None:
    with pd.load(crowd_model(family), threads=1) as pose:
        people = pose(photo_file)
        again = pose(photo)
        streamed = list(pose.stream([str(photo_file), photo]))
        assert pose.runtime_info.runtime == "pytorch"
    assert len(people) == PEOPLE
    assert people.boxes.shape == (PEOPLE, 4)
    assert np.array_equal(people.keypoints, again.keypoints)
    assert [each.name for each in streamed] == ["día 1.png", "image"]
    assert all(np.array_equal(each.keypoints, people.keypoints) for each in streamed)
    assert (people.keypoints_3d is None) == family.endswith("2d")
    assert people.draw().shape[0] == photo.shape[0]
    assert not np.array_equal(people.draw()[:, : photo.shape[1]], photo)


@pytest.mark.parametrize("family", ["lightweight-openpose-2d", "lightweight-openpose-3d"])
def test_positions_are_refined_if_requested(family: str, photo: Array) -> None:
    model = crowd_model(family)
    with pd.load(model, threads=1) as pose, pd.load(model, threads=1, refine=True) as refined:
        published, people = pose(photo), refined(photo)
    assert not np.array_equal(people.keypoints, published.keypoints)
    assert np.array_equal(people.keypoints[..., 2], published.keypoints[..., 2])
    assert np.abs(people.keypoints - published.keypoints).max() <= 5
    assert json.loads(people.to_json())["source"]["refined"]
    assert "refined" not in json.loads(published.to_json())["source"]


@pytest.mark.parametrize("name", ["mobile", "gtrs"])
def test_a_network_without_heatmaps_cannot_be_refined(name: str, networks: Path) -> None:
    with pytest.raises(InputError, match=r"`refine`: .* has no heatmaps"):
        pd.load(networks / f"{name}.pth", threads=1, refine=True)


@pytest.mark.parametrize("name", ["mobile", "hg", "hg2d"])
def test_one_person_is_found_for_each_box(name: str, networks: Path, photo: Array) -> None:
    with pd.load(str(networks / f"{name}.pth"), threads=1) as pose:
        assert len(pose(photo)) == 1
        people = pose(photo, boxes=[[10, 10, 100, 200], [150, 20, 90, 180]])
        nobody = pose(photo, boxes=np.zeros((0, 4)))
        assert len(pose(photo, boxes=[])) == 0
    assert len(people) == 2 and len(nobody) == 0
    assert (people.keypoints_3d is None) == (name == "hg2d")


@pytest.mark.parametrize("name", ["gtrs", "pose2mesh"])
def test_joints_become_3d_joints_and_a_mesh(name: str, networks: Path, photo: Array) -> None:
    mesh = networks / "faces.npy" if name == "pose2mesh" else None
    with pd.load(networks / f"{name}.pth", mesh=mesh, threads=1) as pose:
        people, one = pose(photo, joints=JOINTS), pose(joints=JOINTS[0].tolist())
    assert people.keypoints_3d is not None and people.vertices is not None
    assert people.keypoints_3d.shape == (2, 17, 4)
    assert people.vertices.shape[0] == 2
    assert len(one) == 1
    assert np.allclose(one.keypoints_3d, people.keypoints_3d[:1], atol=1e-3)
    assert one.draw().shape[2] == 3


def test_joints_of_another_set_are_mapped(networks: Path) -> None:
    coco = np.random.default_rng(1).uniform(50, 200, (1, len(JOINT_SETS["coco-17"]), 3))
    with pd.load(networks / "gtrs.pth", threads=1) as pose:
        mapped = pose(joints=coco, joint_set="coco-17")
        pelvis = pose.spec.keypoint_names.index("pelvis")
    hips = coco[0, [11, 12], :2].mean(axis=0)
    assert np.allclose(mapped.keypoints[0, pelvis, :2], hips, atol=1e-6)


@pytest.mark.parametrize("name", ["hg", "gtrs"])
def test_a_detector_provides_the_boxes(name: str, networks: Path, photo: Array, tmp_path: Path) -> None:
    (detector,) = pd.export(
        crowd_model("lightweight-openpose-2d"), ["torchscript"], str(tmp_path), "detector"
    )
    with pd.load(networks / f"{name}.pth", detector=detector.path, threads=1) as pose:
        assert len(pose(photo)) == PEOPLE
        assert [len(people) for people in pose.stream([photo])] == [PEOPLE]


def test_people_are_written_as_poses_json(networks: Path, photo: Array) -> None:
    with pd.load(networks / "hg.pth", threads=1, camera=None) as pose:
        text = pose(photo).to_json()
    document = json.loads(text)
    assert undocumented(text) == []
    assert (document["format"], document["version"]) == ("posedeploy.poses", 1)
    assert document["producer"]["family"] == "pose-hg-3d"
    assert len(document["annotations"]) == 1
    assert document["origin"] == "root"


def test_the_sample_is_loaded_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "posedeploy"), pd.load("sample", threads=1) as pose:
        assert pose.spec.family == "lightweight-openpose-2d"
    assert "the built-in sample" in caplog.text


@pytest.mark.parametrize(
    ("name", "call", "message"),
    [
        ("hg", {}, "no image, but pose-hg-3d takes one"),
        ("hg", {"image": 3}, "an image of type int; expected a path or a NumPy array"),
        ("hg", {"image": np.zeros((4, 4, 3))}, "convert it to uint8"),
        ("hg", {"image": "none.jpg"}, "none.jpg: no such file"),
        ("hg", {"boxes": [[1, 2, 3]]}, r"boxes of shape \(1, 3\); expected \(people, 4\)"),
        ("hg", {"boxes": "all"}, "boxes: not an array of numbers"),
        ("hg", {"boxes": [[0, 0, np.nan, 9]]}, "nan"),
        ("hg", {"joints": JOINTS}, "joints: pose-hg-3d takes images; pass an image instead"),
        ("gtrs", {}, "takes the 2D joints of people, not images; pass joints, or load it with a detector"),
        ("gtrs", {"boxes": [[1, 2, 3, 4]]}, "takes the 2D joints of people"),
        ("gtrs", {"joints": JOINTS[..., :1]}, r"expected \(people, joints, 2 or 3\)"),
        ("gtrs", {"joints": JOINTS[:, :5]}, "5 joints"),
        ("gtrs", {"joints": JOINTS * np.nan}, "person 0: NaN or infinity in pelvis"),
        ("gtrs", {"joints": JOINTS, "joint_set": "cocoa"}, "unknown joint set 'cocoa'"),
        ("gtrs", {"joints": np.ones((1, 21, 2)), "joint_set": "mano"}, "cannot be computed from it"),
    ],
)
def test_bad_input_is_refused(
    networks: Path, photo: Array, name: str, call: dict[str, Any], message: str
) -> None:
    with pd.load(networks / f"{name}.pth", threads=1) as pose:
        call = {"image": photo, **call} if "boxes" in call or "joints" in call else call
        with pytest.raises(pd.PoseDeployError, match=message):
            pose(**call)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, "unknown device"),
        ({"runtime": "openvino"}, "does not run .torchscript files"),
        ({"threads": 0}, "expected a thread count of at least 1"),
        ({"camera": pd.Camera(fx=1000)}, None),
        ({"weights": "ema"}, "whose weights are fixed"),
        ({"stages": 2}, "whose stages are fixed"),
        ({"mesh": "faces.npy"}, "has no mesh"),
        ({"detector_spec": "a.toml"}, "describes a `detector`"),
        ({"min_keypoints": 99}, "min_keypoints=99"),
    ],
)
def test_bad_options_are_refused(artifact: Artifact, options: dict[str, Any], message: str | None) -> None:
    if message is None:
        pd.load(artifact, **options).close()
        return
    with pytest.raises(pd.PoseDeployError, match=message):
        pd.load(artifact, **options)


def test_a_camera_without_effect_is_refused(networks: Path) -> None:
    with pytest.raises(pd.PoseDeployError, match=r"camera: .* returns 2D poses"):
        pd.load(networks / "hg2d.pth", camera=pd.Camera(fx=1000))


def test_a_list_is_refused_as_a_model(artifact: Artifact) -> None:
    with pytest.raises(
        pd.PoseDeployError, match="`model`: wrong type; found list of Artifact; expected Model or Artifact"
    ):
        pd.load([artifact])  # type: ignore[arg-type]
