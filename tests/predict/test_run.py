"""The images and ``poses.json`` that ``predict`` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.predict.images import read_image
from posedeploy.predict.run import predict
from posedeploy.predict.sources import open_source
from posedeploy.predict.threshold import Threshold
from posedeploy.runtimes.openvino import OpenVinoRunner
from posedeploy.types import Array, Artifact, RunOptions
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, MakeVideo, write_image
from tests.predict.prediction_cases import document, read_video, run


def test_an_image_and_its_poses_are_written(exported: Artifact, tmp_path: Path, photo: Array) -> None:
    path = write_image(tmp_path / "día 1.png", photo)
    with OpenVinoRunner(exported, RunOptions()) as runner:
        prediction = predict(open_source(str(path)), runner, exported, tmp_path / "out" / "new")
        runtime_info = runner.runtime_info
    folder = tmp_path / "out" / "new"
    assert prediction.files == (folder / "día 1.jpg", folder / "poses.json")
    assert sorted(folder.iterdir()) == sorted(prediction.files)
    assert (prediction.people, prediction.frames, prediction.problems) == ((PEOPLE,), 1, ())
    drawn = read_image(folder / "día 1.jpg")
    assert drawn.shape == photo.shape
    assert np.abs(drawn.astype(int) - photo).max() > 50

    found = document(folder)
    assert (found["format"], found["version"]) == ("posedeploy.poses", 1)
    assert found["units"] == {"keypoints": "px", "bbox": "px"}
    assert found["producer"]["artifact"] == "crowd.xml"
    assert found["producer"]["artifact_sha256"] == exported.files
    assert found["producer"]["runtime"]["version"] == runtime_info.version
    assert found["images"] == [
        {"id": 1, "file_name": "día 1.png", "width": WIDTH, "height": HEIGHT, "picture": "día 1.jpg"}
    ]


def test_people_are_written_in_the_coco_format(artifact: Artifact, tmp_path: Path, photo: Array) -> None:
    run(write_image(tmp_path / "a.png", photo), artifact, tmp_path / "out", draw=False)
    found = document(tmp_path / "out")
    (category,) = found["categories"]
    assert category["keypoints"] == list(artifact.spec.keypoint_names)
    assert category["skeleton"] == [[a + 1, b + 1] for a, b in artifact.spec.skeleton]
    assert [person["id"] for person in found["annotations"]] == [1, 2]
    for person in found["annotations"]:
        assert (person["image_id"], person["category_id"]) == (1, category["id"])
        keypoints = np.reshape(person["keypoints"], (-1, 3))
        seen = keypoints[:, 2] == 2
        assert len(keypoints) == len(category["keypoints"]) == len(person["keypoint_scores"])
        assert person["num_keypoints"] == seen.sum() > 10
        assert not keypoints[~seen].any()
        assert not np.array(person["keypoint_scores"])[~seen].any()
        low, size = np.split(np.array(person["bbox"]), 2)
        np.testing.assert_allclose(low, keypoints[seen, :2].min(axis=0))
        np.testing.assert_allclose(low + size, keypoints[seen, :2].max(axis=0), atol=2e-3)
        assert "track_id" not in person
        assert "keypoints_3d" not in person


def test_the_poses_of_a_folder_are_written(artifact: Artifact, tmp_path: Path, photo: Array) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.jpg", "a.png", "b.bmp"):
        write_image(images / name, photo)
    (images / "c.jpg").write_bytes(b"")
    (images / "notes.txt").touch()
    prediction = run(images, artifact, tmp_path / "out")
    names = ["a.jpg", "a.png.poses.jpg", "b.jpg", "poses.json"]
    assert [path.name for path in prediction.files] == names
    assert (prediction.people, prediction.skipped) == ((PEOPLE,) * 3, 1)
    assert len(prediction.problems) == 1
    assert "c.jpg: the file is empty" in prediction.problems[0]
    found = document(tmp_path / "out")
    assert [image["picture"] for image in found["images"]] == names[:3]
    assert found["source"]["skipped_files"] == 1
    assert found["problems"] == list(prediction.problems)


def test_an_input_image_is_not_replaced(artifact: Artifact, tmp_path: Path, photo: Array) -> None:
    image = write_image(tmp_path / "A.jpg", photo)
    before = image.read_bytes()
    prediction = run(image, artifact, tmp_path)
    assert [path.name for path in prediction.files] == ["A.jpg.poses.jpg", "poses.json"]
    assert image.read_bytes() == before


def test_a_folder_without_a_readable_image_is_refused(artifact: Artifact, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (images / name).touch()
    with pytest.raises(
        InputError, match=r"images: no frame can be used: .*a\.jpg: the file is empty.*b\.jpg"
    ):
        run(images, artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("threshold", "count"),
    [
        (lambda low, high, most: Threshold(min_score=high), 1),
        (lambda low, high, most: Threshold(min_score=low), 2),
        (lambda low, high, most: Threshold(min_score=high + 0.01), 0),
        (lambda low, high, most: Threshold(min_keypoints=most), 2),
        (lambda low, high, most: Threshold(min_keypoints=1, min_score=0), 2),
    ],
)
def test_only_people_above_the_threshold_are_kept(
    threshold: Callable[[float, float, int], Threshold],
    count: int,
    artifact: Artifact,
    tmp_path: Path,
    photo: Array,
) -> None:
    image = write_image(tmp_path / "a.png", photo)
    run(image, artifact, tmp_path / "out", draw=False)
    everyone = document(tmp_path / "out")["annotations"]
    low, high = sorted(person["score"] for person in everyone)
    chosen = threshold(low, high, max(person["num_keypoints"] for person in everyone))
    run(image, artifact, tmp_path / "out", draw=False, threshold=chosen)
    found = document(tmp_path / "out")
    assert len(found["annotations"]) == count
    assert found["source"].get("min_score") == chosen.min_score
    assert found["source"].get("min_keypoints") == chosen.min_keypoints


def test_a_threshold_above_the_keypoints_of_the_network_is_refused(
    artifact: Artifact, tmp_path: Path, photo: Array
) -> None:
    image = write_image(tmp_path / "a.png", photo)
    with pytest.raises(
        InputError, match="`min_keypoints=19`: expected 1 to 18, the keypoints of lightweight-openpose-2d"
    ):
        run(image, artifact, tmp_path / "out", threshold=Threshold(min_keypoints=19))


def test_3d_poses_are_written(artifact_3d: Artifact, tmp_path: Path, photo: Array, video: MakeVideo) -> None:
    run(write_image(tmp_path / "a.png", photo), artifact_3d, tmp_path / "out")
    found = document(tmp_path / "out")
    assert found["units"] == {"keypoints": "px", "bbox": "px", "keypoints_3d": "mm"}
    assert found["annotations"]
    positions = np.reshape(found["annotations"][0]["keypoints_3d"], (-1, 3))
    assert len(positions) == len(found["categories"][0]["keypoints"])
    assert positions[:, 2].mean() > 500
    assert read_image(tmp_path / "out" / "a.jpg").shape == (HEIGHT, 2 * WIDTH, 3)
    run(video(frames=3), artifact_3d, tmp_path / "out")
    assert read_video(tmp_path / "out" / "clip.mp4")[0].shape == (HEIGHT, 2 * WIDTH, 3)
