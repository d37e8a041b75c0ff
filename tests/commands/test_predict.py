from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from posedeploy.types import Array
from tests.commands.conftest import Invoke, fill
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, write_image
from tests.support.reference_cases import BUNDLED, Case


@pytest.fixture(autouse=True)
def picture(photo: Array, tmp_path: Path) -> Path:
    """``photo.png`` in the working folder."""
    return write_image(tmp_path / "photo.png", photo)


def _poses(folder: str = "poses") -> Any:
    return json.loads(Path(folder, "poses.json").read_text())


def _names(folder: str = "poses") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.parametrize("suffix", ["torchscript", "onnx", "xml"])
def test_every_target_finds_people_in_an_image(human: Path, done: Invoke, suffix: str) -> None:
    result = done("predict", human / "out" / f"human.{suffix}", "photo.png")
    assert _names() == ["photo.jpg", "poses.json"]
    document = _poses()
    assert document["source"]["frames"] == 1
    assert result.stdout.splitlines() == ["2 people in 1 image", "  poses/photo.jpg", "  poses/poses.json"]
    assert result.stderr == ""


def test_a_checkpoint_finds_people(human: Path, network: tuple[str, str], done: Invoke) -> None:
    result = done("predict", human / "human.pth", "photo.png", "-o", "new/poses", *network)
    assert f"{PEOPLE} people in 1 image" in result.stdout
    assert _names("new/poses") == ["photo.jpg", "poses.json"]


def test_positions_are_refined_on_request(human: Path, done: Invoke) -> None:
    done("predict", human / "out" / "human.onnx", "photo.png", "--no-draw", "-o", "published")
    done("predict", human / "out" / "human.onnx", "photo.png", "--no-draw", "-o", "refined", "--refine")
    published, refined = _poses("published"), _poses("refined")
    assert refined["source"] == published["source"] | {"refined": True}
    assert len(published["annotations"]) == PEOPLE
    for before, after in zip(published["annotations"], refined["annotations"], strict=True):
        assert after["keypoint_scores"] == before["keypoint_scores"]
        assert after["keypoints"] != before["keypoints"]
        assert after["keypoints"] == pytest.approx(before["keypoints"], abs=4)


def test_embedded_preprocessing_has_the_same_result(
    own: Path, network: tuple[str, str], done: Invoke, human: Path
) -> None:
    done("export", own / "human.pth", "--embed-preprocessing", "-o", "raw", *network)
    assert f"{PEOPLE} people in 1 image" in done("predict", "raw/human.xml", "photo.png").stdout
    inside = _poses()
    done("predict", human / "out" / "human.xml", "photo.png")
    assert inside["annotations"] == _poses()["annotations"]


def test_unusable_files_of_a_folder_are_skipped_and_reported(
    human: Path, invoke: Invoke, picture: Path
) -> None:
    Path("photos").mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(picture, Path("photos", name))
    Path("photos", "broken.jpg").write_bytes(b"no image")
    Path("photos", "notes.txt").write_text("none either")
    result = invoke("predict", human / "out" / "human.onnx", "photos")
    assert result.exit_code == 1
    assert f"{2 * PEOPLE} people in 2 images, 1 file skipped" in result.stdout
    remark, warning = result.stderr.splitlines()
    assert remark == "skipped 1 file that is not an image: notes.txt"
    assert warning.startswith("warning: photos/broken.jpg: not an image but a text file")
    assert _names() == ["a.jpg", "b.jpg", "poses.json"]


def test_a_video_is_processed(human: Path, done: Invoke, photo: Array) -> None:
    writer = cv2.VideoWriter("clip.avi", cv2.VideoWriter.fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
    for _ in range(6):
        writer.write(photo)
    writer.release()
    result = done("predict", human / "out" / "human.xml", "clip.avi")
    assert f"{6 * PEOPLE} people in 6 images" in result.stdout
    assert _names() == ["clip.mp4", "poses.json"]
    assert _poses()["source"]["smoothed"]
    done("predict", human / "out" / "human.xml", "clip.avi", "--no-smooth")
    assert not _poses()["source"]["smoothed"]
    done("predict", human / "out" / "human.xml", "clip.avi", "--no-track", "--no-draw", "-o", "bare")
    assert not _poses("bare")["source"]["tracked"]
    assert _names("bare") == ["poses.json"]


def test_a_third_party_model_finds_people(human: Path, done: Invoke, refused: Callable[..., str]) -> None:
    shutil.copy(human / "out" / "human.onnx", "other.onnx")
    assert "pass its --family (lightweight-openpose-2d, " in refused("predict", "other.onnx", "photo.png")
    result = done("predict", "other.onnx", "photo.png", "--family", "lightweight-openpose-2d")
    assert f"{PEOPLE} people in 1 image" in result.stdout


@pytest.mark.slow
def test_dynamic_axes_accept_any_image_size(done: Invoke, photo: Array, tmp_path: Path) -> None:
    write_image(tmp_path / "narrow.png", photo[:, :200])
    done("export", "--dynamic", "--to", "openvino")
    done("predict", "artifacts/sample.xml", "narrow.png")
    assert (_poses()["images"][0]["width"], _poses()["images"][0]["height"]) == (200, 256)


@pytest.mark.slow
def test_3d_poses_use_the_camera_of_the_user(
    done: Invoke, refused: Callable[..., str], tmp_path: Path
) -> None:
    Case(BUNDLED / "lightweight-openpose-3d").write(tmp_path / "human.pth")
    camera = {"R": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "t": [[0], [0], [100]]}
    Path("camera.json").write_text(json.dumps(camera))
    done("export", "human.pth", "--to", "onnx")
    done("predict", "artifacts/human.onnx", "photo.png", "--fx", "700", "--extrinsics", "camera.json")
    assert _poses()["units"]["keypoints_3d"] == "mm"
    assert _names() == ["photo.jpg", "poses.json"]
    implausible = done("predict", "artifacts/human.onnx", "photo.png", "--fx", "30", "--no-draw").stderr
    assert "warning: --fx 30: an implausible field of view of 165 degrees across 456 px" in implausible
    assert "--fx 0: expected a focal length in px" in refused(
        "predict", "artifacts/human.onnx", "photo.png", "--fx", 0
    )
    Path("camera.json").write_text("{}")
    message = refused("predict", "artifacts/human.onnx", "photo.png", "--extrinsics", "camera.json")
    assert 'camera.json: not a JSON file of extrinsics, with "R", 3x3, and "t", 3 numbers in cm' in message


TWO_D = "lightweight-openpose-2d (crowd) returns 2D poses, which do not depend on the camera; leave it out"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("{onnx}", "none.png"),
            "none.png: no such file or folder; pass an image, a folder of images, a video",
        ),
        (("{onnx}", "empty.png"), "empty.png: the file is empty (0 bytes)"),
        (("{onnx}", "photo.png", "-o", "file/poses"), "file/poses: cannot write here (Not a directory)"),
        (("{onnx}", ".", "-o", "."), "--output .: the folder of the images; use another folder"),
        (("{onnx}", "photo.png", "--device", "NPU"), "--device npu: "),
        (("{onnx}", "photo.png", "--fx", 700), f"--fx: {TWO_D}"),
        (("{onnx}", "photo.png", "--fx", 700, "--extrinsics", "c.json"), f"--fx and --extrinsics: {TWO_D}"),
        (("{onnx}", "photo.png", "--threads", -1), "--threads -1: expected a thread count of at least 1"),
        (("none.onnx", "photo.png"), "none.onnx: no such file"),
        (("folder.onnx", "photo.png"), "folder.onnx: is a folder, not a model file"),
        (("none.pth", "photo.png"), "none.pth"),
        (("corrupt.onnx", "photo.png"), "corrupt.onnx"),
        (("corrupt.xml", "photo.png"), "corrupt.xml"),
        (
            ("{human}/human.pth", "photo.png", "--runtime", "openvino"),
            "a checkpoint runs on pytorch; to use",
        ),
    ],
)
def test_bad_input_is_refused(
    arguments: tuple[object, ...], message: str, human: Path, refused: Callable[..., str]
) -> None:
    onnx = human / "out" / "human.onnx"
    Path("empty.png").write_bytes(b"")
    Path("file").write_text("")
    Path("corrupt.onnx").write_bytes(onnx.read_bytes()[:1000])
    Path("corrupt.xml").write_text("<net")
    Path("folder.onnx").mkdir()
    Path("c.json").write_text('{"R": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "t": [0, 0, 0]}')
    arguments = fill(arguments, onnx=onnx, human=human)
    assert message in refused("predict", *arguments), arguments
    assert not list(Path("poses").glob("*"))


def test_frame_rate_and_minimum_score_are_applied(
    human: Path, done: Invoke, refused: Callable[..., str]
) -> None:
    onnx = human / "out" / "human.onnx"
    Path("frames").mkdir()
    for number in (1, 2, 4):
        shutil.copy("photo.png", Path("frames", f"f{number:03}.png"))
    done("predict", onnx, "frames/f%03d.png", "--fps", 10, "--min-score", 0.1)
    assert _names() == ["frames.mp4", "poses.json"]
    document = _poses()
    assert [image["time_s"] for image in document["images"]] == [0, 0.1, 0.3]
    assert {person["track_id"] for person in document["annotations"]} == set(range(PEOPLE))
    done("predict", onnx, "photo.png", "--min-score", 1000, "-o", "nobody")
    assert _poses("nobody")["annotations"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--min-keypoints", 19),
            "--min-keypoints 19: expected 1 to 18, the keypoints of light",
        ),
        (("--min-score", "nan"), "--min-score nan: expected a number"),
        (("--fps", 0), "--fps 0: expected frames per second above 0 and at most 1000"),
        (("--fps", 5), "--fps 5: photo.png is a single image; leave --fps out"),
    ],
)
def test_options_outside_their_range_are_refused(
    options: tuple[object, ...], message: str, human: Path, refused: Callable[..., str]
) -> None:
    onnx = human / "out" / "human.onnx"
    assert message in refused("predict", onnx, "photo.png", *options)
