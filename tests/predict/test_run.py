from __future__ import annotations

import json
import os
import re
import resource
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from posedeploy.errors import InputError, OutputError
from posedeploy.predict.frames import Frame, Kind, Source
from posedeploy.predict.images import read_image
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.predict.run import Prediction, predict
from posedeploy.predict.sources import open_source
from posedeploy.predict.threshold import Threshold
from posedeploy.runtimes.openvino import OpenVinoRunner
from posedeploy.types import Array, Artifact, RunOptions, Tensors
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, CrowdRunner, MakeVideo, write_image


def run(
    source: Path,
    artifact: Artifact,
    folder: Path,
    on_progress: Callable[[int, int | None], None] | None = None,
    **options: Any,
) -> Prediction:
    runner = CrowdRunner(artifact.spec)
    return predict(open_source(str(source)), runner, artifact, folder, PredictOptions(**options), on_progress)


def document(folder: Path) -> Any:
    return json.loads((folder / "poses.json").read_text(encoding="utf-8"))


def read_video(path: Path) -> list[Array]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames


def test_a_picture_and_its_poses(exported: Artifact, tmp_path: Path, photo: Array) -> None:
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


def test_people_are_as_coco_has_them(artifact: Artifact, tmp_path: Path, photo: Array) -> None:
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


def test_a_folder_of_pictures(artifact: Artifact, tmp_path: Path, photo: Array) -> None:
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


def test_an_image_is_never_written_over(artifact: Artifact, tmp_path: Path, photo: Array) -> None:
    image = write_image(tmp_path / "A.jpg", photo)
    before = image.read_bytes()
    prediction = run(image, artifact, tmp_path)
    assert [path.name for path in prediction.files] == ["A.jpg.poses.jpg", "poses.json"]
    assert image.read_bytes() == before


def test_a_folder_of_which_nothing_can_be_used(artifact: Artifact, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (images / name).touch()
    with pytest.raises(
        InputError, match=r"images: no frame can be used: .*a\.jpg: the file is empty.*b\.jpg"
    ):
        run(images, artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_video(artifact: Artifact, tmp_path: Path, video: MakeVideo) -> None:
    seen: list[tuple[int, int | None]] = []
    prediction = run(
        video(frames=12), artifact, tmp_path / "out", lambda done, total: seen.append((done, total))
    )
    assert [path.name for path in prediction.files] == ["clip.mp4", "poses.json"]
    assert (prediction.people, prediction.problems) == ((PEOPLE,) * 12, ())
    frames = read_video(tmp_path / "out" / "clip.mp4")
    assert (len(frames), frames[0].shape) == (12, (HEIGHT, WIDTH, 3))
    assert seen == [(done, 12) for done in range(1, 13)]
    found = document(tmp_path / "out")
    assert [image["frame"] for image in found["images"]] == list(range(12))
    assert found["images"][5]["time_s"] == 0.2
    assert found["source"] == {
        "name": "clip.avi", "kind": "video", "frames": 12, "expected_frames": 12, "skipped_files": 0,
        "fps": 25.0, "tracked": True, "smoothed": True,
    }  # fmt: skip
    # The same people stand still in every frame.
    assert [person["track_id"] for person in found["annotations"]] in ([0, 1] * 12, [1, 0] * 12)
    assert found["annotations"][0]["keypoints"] == found["annotations"][-2]["keypoints"]


def test_ids_and_smoothing_can_be_left_out(artifact: Artifact, tmp_path: Path, video: MakeVideo) -> None:
    run(video(frames=3), artifact, tmp_path / "out", track=False, draw=False)
    found = document(tmp_path / "out")
    assert "track_id" not in found["annotations"][0]
    assert (found["source"]["tracked"], found["source"]["smoothed"]) == (False, False)
    assert "picture" not in found["images"][0]
    run(video(frames=3), artifact, tmp_path / "out", smooth=False)
    assert document(tmp_path / "out")["source"]["tracked"]
    assert not document(tmp_path / "out")["source"]["smoothed"]


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_every_frame_has_the_ids_that_come_after_a_few(
    frames: int, artifact: Artifact, tmp_path: Path, video: MakeVideo
) -> None:
    run(video(frames=frames), artifact, tmp_path / "out", draw=False)
    annotations = document(tmp_path / "out")["annotations"]
    assert [person["id"] for person in annotations] == list(range(1, PEOPLE * frames + 1))
    ids = [person["track_id"] for person in annotations]
    assert ids in ([0, 1] * frames, [1, 0] * frames)


def test_only_people_beyond_the_threshold_are_kept(artifact: Artifact, tmp_path: Path, photo: Array) -> None:
    image = write_image(tmp_path / "a.png", photo)
    run(image, artifact, tmp_path / "out", draw=False)
    everyone = document(tmp_path / "out")["annotations"]
    (low, high) = sorted(person["score"] for person in everyone)
    most = max(person["num_keypoints"] for person in everyone)
    for threshold, count in [
        (Threshold(min_score=high), 1),
        (Threshold(min_score=low), 2),
        (Threshold(min_score=high + 0.01), 0),
        (Threshold(min_keypoints=most), sum(person["num_keypoints"] == most for person in everyone)),
        (Threshold(min_keypoints=1, min_score=0), 2),
    ]:
        run(image, artifact, tmp_path / "out", draw=False, threshold=threshold)
        found = document(tmp_path / "out")
        assert len(found["annotations"]) == count
        assert found["source"].get("min_score") == threshold.min_score
        assert found["source"].get("min_keypoints") == threshold.min_keypoints
    with pytest.raises(
        InputError, match="`min_keypoints=19`: expected 1 to 18, the keypoints of lightweight-openpose-2d"
    ):
        run(image, artifact, tmp_path / "out", threshold=Threshold(min_keypoints=19))


def test_a_video_that_ends_early_keeps_what_was_done(
    artifact: Artifact, tmp_path: Path, video: MakeVideo
) -> None:
    prediction = run(video(frames=50, keep=0.6), artifact, tmp_path / "out")
    assert len(prediction.problems) == 1
    assert f"ended at frame {prediction.frames} of 50" in prediction.problems[0]
    assert len(read_video(tmp_path / "out" / "clip.mp4")) == prediction.frames
    source = document(tmp_path / "out")["source"]
    assert (source["frames"], source["expected_frames"]) == (prediction.frames, 50)


def test_ctrl_c_keeps_what_was_done(artifact: Artifact, tmp_path: Path, video: MakeVideo) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    prediction = run(video(frames=50), artifact, tmp_path / "out", interrupt)
    assert prediction.problems == ("clip.avi: stopped by Ctrl-C; the frames so far are kept",)
    assert 5 <= prediction.frames < 20
    assert len(read_video(tmp_path / "out" / "clip.mp4")) == prediction.frames
    assert len(document(tmp_path / "out")["images"]) == prediction.frames


def test_ctrl_c_before_anything_is_done_is_no_error_of_the_source(
    artifact: Artifact, tmp_path: Path, video: MakeVideo
) -> None:
    class Interrupted(CrowdRunner):
        def _stream(self, batches: Iterator[Tensors]) -> Generator[Tensors, None, None]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(open_source(str(video())), Interrupted(artifact.spec), artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_error_on_the_way_leaves_nothing(artifact: Artifact, tmp_path: Path, video: MakeVideo) -> None:
    def fail(done: int, total: int | None) -> None:
        raise RuntimeError("a bug")

    folder = tmp_path / "out"
    run(video(frames=3), artifact, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(RuntimeError, match="a bug"):
        run(video(frames=50), artifact, folder, fail)
    assert not [path for path in map(os.path.realpath, Path("/proc/self/fd").glob("*")) if "clip.mp4" in path]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_three_dimensions(artifact_3d: Artifact, tmp_path: Path, photo: Array, video: MakeVideo) -> None:
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


def test_a_window_closed_ends_it(
    artifact: Artifact, tmp_path: Path, video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")

    def close(done: int, total: int | None) -> None:
        if done == 4:
            pygame.event.post(pygame.event.Event(pygame.QUIT))

    prediction = run(video(frames=50), artifact, tmp_path / "out", close, show=True)
    assert 4 <= prediction.frames < 20
    assert prediction.problems == ()
    assert len(read_video(tmp_path / "out" / "clip.mp4")) == prediction.frames
    assert not pygame.display.get_init()


class Feed(Source):
    """A camera that gives 50 frames, all the same but those from ``turned_at`` on, which stand upright."""

    kind: Kind = "camera"

    def __init__(self, image: Array, turned_at: int = 50) -> None:
        super().__init__("camera-0", (), None)
        self._images = [image] * turned_at + [np.rot90(image)] * (50 - turned_at)

    def __iter__(self) -> Iterator[Frame]:
        for index, image in enumerate(self._images):
            yield Frame(self.name, image, index, index / self.fps)


@pytest.mark.parametrize(
    ("display", "show", "shown"), [(True, None, True), (True, False, False), (False, None, False)]
)
def test_a_camera_is_shown_where_there_is_a_display(
    display: bool,
    show: bool | None,
    shown: bool,
    artifact: Artifact,
    tmp_path: Path,
    photo: Array,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pygame = pytest.importorskip("pygame")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    if display:
        monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    seen = []
    predict(
        Feed(photo), CrowdRunner(artifact.spec), artifact, tmp_path / "out", PredictOptions(show=show),
        lambda done, total: seen.append(pygame.display.get_init()),
    )  # fmt: skip
    assert seen == [shown] * 50


def test_frames_of_another_size_are_scaled_in_the_video(
    artifact_3d: Artifact, tmp_path: Path, photo: Array
) -> None:
    runner = CrowdRunner(artifact_3d.spec)
    prediction = predict(Feed(photo, turned_at=3), runner, artifact_3d, tmp_path / "out")
    assert prediction.remarks == (
        "camera-0.mp4: 47 frames differ in size from the first one and are scaled to its size in this video",
    )
    frames = read_video(tmp_path / "out" / "camera-0.mp4")
    assert [frame.shape for frame in frames] == [(HEIGHT, 2 * WIDTH, 3)] * 50
    found = document(tmp_path / "out")
    assert [(image["width"], image["height"]) for image in found["images"][2:4]] == [
        (WIDTH, HEIGHT),
        (HEIGHT, WIDTH),
    ]


@pytest.mark.parametrize("place", ["file", "/proc/posedeploy"])
def test_a_folder_that_cannot_be_written(
    place: str, artifact: Artifact, tmp_path: Path, photo: Array
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / place
    with pytest.raises(OutputError, match=re.escape(f"{folder}: cannot write here (")):
        run(write_image(tmp_path / "a.png", photo), artifact, folder)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes: as on a disk that fills, a write stops in the middle."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", ["image", "video"])
def test_a_disk_that_fills(
    kind: str, artifact: Artifact, tmp_path: Path, photo: Array, video: MakeVideo
) -> None:
    source = write_image(tmp_path / "a.png", photo) if kind == "image" else video(frames=20)
    folder = tmp_path / "out"
    run(source, artifact, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with (
        largest_file(8000),
        pytest.raises(OutputError, match=r"out: writing failed .*nothing was left half-written"),
    ):
        run(source, artifact, folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
