"""Synthetic images written as files with COCO annotations."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from posedeploy.errors import InputError
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.synthetic import generate_scene
from posedeploy.synthetic.coco_annotations import write_images


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images") / "día 1"
    write_images(folder, 6, seed=7)
    return folder


def test_the_images_are_those_of_the_seed(folder: Path) -> None:
    pixels = cv2.imdecode(np.fromfile(folder / "000003.png", np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(pixels, generate_scene(7, 3).image)
    assert sorted(path.name for path in folder.iterdir()) == [f"{i:06d}.png" for i in range(6)] + [
        "annotations.json"
    ]


def test_pycocotools_reads_the_annotations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco = COCO(str(folder / "annotations.json"))
    capsys.readouterr()
    assert len(coco.getImgIds()) == 6
    for index in range(6):
        scene = generate_scene(7, index)
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=index))
        assert len(annotations) == len(scene.people)
        assert coco.loadImgs(index)[0]["focal_length_px"] == scene.focal_length
        for annotation, person in zip(annotations, scene.people, strict=True):
            keypoints = np.reshape(annotation["keypoints"], (17, 3))
            assert annotation["num_keypoints"] == (keypoints[:, 2] > 0).sum()
            assert annotation["area"] == person.area
            np.testing.assert_allclose(annotation["joints_mm"], person.joints_mm)
            every = np.reshape(annotation["keypoints_18"], (18, 3))
            np.testing.assert_allclose(every, np.column_stack([person.keypoints, person.visibility]))
            if person.is_recognizable:
                ankle = KEYPOINT_NAMES.index("l_ank")
                assert keypoints[15, 2] == person.visibility[ankle]
                if keypoints[15, 2]:
                    np.testing.assert_allclose(keypoints[15, :2], person.keypoints[ankle])
            else:
                assert not keypoints.any()


def test_the_info_describes_joints_and_camera(folder: Path) -> None:
    document = json.loads((folder / "annotations.json").read_text())
    assert document["info"]["seed"] == 7
    assert document["info"]["joints"][:2] == ["nose", "neck"]
    assert document["info"]["keypoints_18"] == list(KEYPOINT_NAMES)
    assert "through (width / 2, height / 2)" in document["info"]["camera"]
    assert document["categories"][0]["keypoints"][5] == "left_shoulder"


def test_a_count_of_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`count=0`: expected at least 1"):
        write_images(tmp_path / "images", 0, seed=1)
    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize(
    ("name", "labeled"), [("halpe-26", "left_heel"), ("mpii-16", "pelvis"), ("blazepose-33", "right_toe")]
)
def test_the_annotations_have_the_keypoints_of_a_set(name: str, labeled: str, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 4, seed=7, keypoint_set=name)
    document = json.loads((tmp_path / "images" / "annotations.json").read_text())
    (category,) = document["categories"]
    names, count = category["keypoints"], int(name.rpartition("-")[2])
    assert len(names) == count
    assert {end for bone in category["skeleton"] for end in bone} <= set(range(1, count + 1))
    keypoints = np.array([person["keypoints"] for person in document["annotations"]]).reshape(-1, count, 3)
    row = keypoints[:, names.index(labeled)]
    assert (row[:, 2] > 0).any()
    # A foot is close to its ankle, and the pelvis to a hip.
    near = {"left_heel": "left_ankle", "pelvis": "left_hip", "right_toe": "right_ankle"}[labeled]
    other = keypoints[:, names.index(near)]
    both = (row[:, 2] > 0) & (other[:, 2] > 0)
    heights = np.array([person["bbox"][3] for person in document["annotations"]])
    apart = np.linalg.norm(row[:, :2] - other[:, :2], axis=1)
    assert (apart[both] < 0.35 * heights[both]).all()


def test_a_set_without_keypoints_of_the_body_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^`keypoint_set=hand-21`: synthetic people have none of its"):
        write_images(tmp_path / "images", 1, seed=1, keypoint_set="hand-21")
