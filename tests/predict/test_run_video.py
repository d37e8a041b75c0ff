"""Videos and cameras: frames, identities, sizes and the window."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.predict.predict_options import PredictOptions
from posedeploy.predict.run import predict
from posedeploy.types import Array, Artifact
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, CrowdRunner, MakeVideo, write_image
from tests.predict.prediction_cases import Camera, document, read_video, run


def test_a_video_and_its_poses_are_written(artifact: Artifact, tmp_path: Path, video: MakeVideo) -> None:
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


def test_tracking_and_smoothing_can_be_disabled(artifact: Artifact, tmp_path: Path, video: MakeVideo) -> None:
    run(video(frames=3), artifact, tmp_path / "out", track=False, draw=False)
    found = document(tmp_path / "out")
    assert "track_id" not in found["annotations"][0]
    assert (found["source"]["tracked"], found["source"]["smoothed"]) == (False, False)
    assert "picture" not in found["images"][0]
    run(video(frames=3), artifact, tmp_path / "out", smooth=False)
    assert document(tmp_path / "out")["source"]["tracked"]
    assert not document(tmp_path / "out")["source"]["smoothed"]


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_ids_that_are_assigned_later_are_added_to_early_frames(
    frames: int, artifact: Artifact, tmp_path: Path, video: MakeVideo
) -> None:
    run(video(frames=frames), artifact, tmp_path / "out", draw=False)
    annotations = document(tmp_path / "out")["annotations"]
    assert [person["id"] for person in annotations] == list(range(1, PEOPLE * frames + 1))
    ids = [person["track_id"] for person in annotations]
    assert ids in ([0, 1] * frames, [1, 0] * frames)


def test_a_video_that_ends_early_keeps_its_frames(
    artifact: Artifact, tmp_path: Path, video: MakeVideo
) -> None:
    prediction = run(video(frames=50, keep=0.6), artifact, tmp_path / "out")
    assert len(prediction.problems) == 1
    assert f"ended at frame {prediction.frames} of 50" in prediction.problems[0]
    assert len(read_video(tmp_path / "out" / "clip.mp4")) == prediction.frames
    source = document(tmp_path / "out")["source"]
    assert (source["frames"], source["expected_frames"]) == (prediction.frames, 50)


def test_closing_the_window_ends_the_run(
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


@pytest.mark.parametrize("count", [3, 12])
def test_q_ends_a_folder_of_images_at_once(
    count: int, artifact: Artifact, tmp_path: Path, photo: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    (tmp_path / "photos").mkdir()
    for index in range(count):
        write_image(tmp_path / "photos" / f"{index:02}.png", photo)
    shown = []

    def press(done: int, total: int | None) -> None:
        shown.append(done)
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q))

    prediction = run(tmp_path / "photos", artifact, tmp_path / "out", press, show=True)
    assert shown == [1]
    assert prediction.frames < 8 and prediction.problems == ()


@pytest.mark.parametrize(
    ("display", "show", "shown"), [(True, None, True), (True, False, False), (False, None, False)]
)
def test_a_camera_is_shown_if_a_display_is_available(
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
        Camera(photo), CrowdRunner(artifact.spec), artifact, tmp_path / "out", PredictOptions(show=show),
        lambda done, total: seen.append(pygame.display.get_init()),
    )  # fmt: skip
    assert seen == [shown] * 50


def test_frames_of_another_size_are_scaled_in_the_video(
    artifact_3d: Artifact, tmp_path: Path, photo: Array
) -> None:
    runner = CrowdRunner(artifact_3d.spec)
    prediction = predict(Camera(photo, turned_at=3), runner, artifact_3d, tmp_path / "out")
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
