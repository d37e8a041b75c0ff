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
