"""Videos, sequences of images and files of joints on Ray: the same files as without it, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from posedeploy.api.person_sources import PersonArgs
from posedeploy.api.writing_poses import PredictSettings, write_poses
from posedeploy.errors import InputError
from posedeploy.predict.joint_files.joint_source import JointsOptions
from posedeploy.scaling import joining
from posedeploy.scaling.poses_table import read_rows
from posedeploy.scaling.predicting import write_pose_shards
from posedeploy.scaling.ray_settings import RaySettings, ShardedPrediction
from tests.predict.videos import cut, make_video, picture
from tests.scaling.conftest import WITHOUT_PICTURES, in_shards
from tests.support.bodies import synthetic_people
from tests.support.lifting import small_gtrs, small_pose2mesh, write

pytestmark = pytest.mark.usefixtures("in_one_process")
OPEN_GOPS = {"g": "6", "keyint_min": "6", "sc_threshold": "0", "bf": "3", "x264-params": "open-gop=1"}


def _files(folder: Path) -> dict[str, bytes]:
    """Return the content of the files that a run without Ray writes."""
    names = ("job.json", "manifest.jsonl", "report.json", "images.parquet")
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.name not in names and not path.name.startswith(".")
    }


def _run_twice(
    model: Path, source: Path | str, out: Path, settings: PredictSettings, size: int = 6, **arguments: Any
) -> ShardedPrediction:
    """Compare the files of a run without Ray with those of a job, and return the job."""
    plain = write_poses(model, source, out / "plain", settings, threads=1, **arguments)
    sharded = write_pose_shards(
        model, source, out / "sharded", settings, in_shards(size), threads=1, **arguments
    )
    assert _files(out / "plain") == _files(out / "sharded")
    assert plain.problems == sharded.problems
    assert sharded.images == plain.frames and sharded.people == sum(plain.people)
    return sharded


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of 20 frames in 4 groups of pictures, which refer to each other."""
    return make_video(tmp_path / "clip é.mp4", encoder=OPEN_GOPS, sound="aac")


def test_a_video_gives_the_same_poses_and_the_same_video(model: Path, clip: Path, tmp_path: Path) -> None:
    result = _run_twice(model, clip, tmp_path, PredictSettings())
    assert [shard.images for shard in result.shards] == [6, 6, 6, 2] and not result.remarks
    assert [path.name for path in result.files[2:]] == ["clip é.mp4", "poses.json"]
    rows = [row for shard in result.shards for row in read_rows(tmp_path / "sharded" / shard.file)]
    assert [row.index for row in rows] == list(range(20)) and rows[5].time_s == 0.2
    report = json.loads(result.files[0].read_text())
    assert (report["source"]["images"], report["images"], report["shards"]) == (20, 20, 4)


def _damage(path: Path) -> Path:
    """Overwrite bytes in the middle of a video."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(range(100)) * 3
    path.write_bytes(content)
    return path


def _as_images(path: Path) -> Path:
    folder = path.with_name("frames")
    folder.mkdir()
    for number in (1, 2, 3, 5, 6, 7, 8):
        cv2.imwrite(str(folder / f"{number:02d}.png"), picture(number))
    (folder / "06.png").write_bytes(b"\x89PNG damaged")
    return folder


def _with_boxes(path: Path) -> PredictSettings:
    """Boxes of every frame, one of which lies outside of the video."""
    boxes = [{"frame": number, "boxes": [[4 + number, 4, 60, 80]]} for number in range(20)]
    boxes[7]["boxes"] = [[500, 4, 60, 80]]
    path.with_name("boxes.json").write_text(json.dumps(boxes))
    return replace(WITHOUT_PICTURES, persons=PersonArgs(boxes=path.with_name("boxes.json")))


@pytest.mark.parametrize(
    ("source", "settings"),
    [
        (lambda clip: cut(make_video(clip.with_suffix(".mkv"), encoder=OPEN_GOPS), 0.6), WITHOUT_PICTURES),
        (_damage, PredictSettings()),
        (_with_boxes, None),
        (_as_images, PredictSettings(fps=5)),
        (lambda clip: str(_as_images(clip) / "%02d.png"), WITHOUT_PICTURES),
        (lambda clip: make_video(clip.with_suffix(".gif"), "gif", pix_fmt="rgb8"), WITHOUT_PICTURES),
        (
            lambda clip: make_video(clip.with_suffix(".ts"), encoder=OPEN_GOPS, rotation=None),
            PredictSettings(draw=False, track=False),
        ),
    ],
    ids=["truncated", "damaged", "boxes", "folder", "pattern", "gif", "ts"],
)
@pytest.mark.slow
def test_other_sources_give_the_same_files(
    model: Path,
    clip: Path,
    tmp_path: Path,
    source: Callable[[Path], Any],
    settings: PredictSettings | None,
) -> None:
    if settings is None:
        _run_twice(model, clip, tmp_path, source(clip))
    else:
        _run_twice(model, source(clip), tmp_path, settings)


@pytest.mark.parametrize("is_sequence", [False, True])
def test_files_of_joints_and_meshes_give_the_same_files(tmp_path: Path, is_sequence: bool) -> None:
    body = write(small_pose2mesh(), tmp_path / "body.pth.tar")
    people = synthetic_people("human36", 1)[0]
    np.save(tmp_path / "walk.npy", np.stack([people + step for step in range(5)]))
    settings = PredictSettings(joints=JointsOptions(is_sequence=is_sequence))
    result = _run_twice(body, tmp_path / "walk.npy", tmp_path, settings, 2, mesh=str(tmp_path / "faces.npy"))
    assert result.people == 5
    names = {path.suffix for path in result.files}
    assert (".mp4" in names, ".obj" in names) == (is_sequence, not is_sequence)


@pytest.mark.slow
def test_detected_people_in_a_video_are_lifted(clip: Path, tmp_path: Path) -> None:
    gtrs = write(small_gtrs(), tmp_path / "gtrs.pth.tar")
    settings = replace(WITHOUT_PICTURES, persons=PersonArgs(detector=Path("sample")))
    _run_twice(gtrs, clip, tmp_path, settings)


def test_a_job_on_a_video_is_resumed(model: Path, clip: Path, tmp_path: Path) -> None:
    whole = write_pose_shards(model, clip, tmp_path / "out", WITHOUT_PICTURES, in_shards(6), threads=1)
    before = _files(tmp_path / "out")
    shards = [shard.sha256 for shard in whole.shards]
    (tmp_path / "out/shards/000001.parquet").unlink()
    arguments = {"settings": WITHOUT_PICTURES, "ray": in_shards(6, resume=True), "threads": 1}
    resumed = write_pose_shards(model, clip, tmp_path / "out", **arguments)
    assert resumed.resumed_shards == 3 and [shard.sha256 for shard in resumed.shards] == shards
    assert _files(tmp_path / "out") == before
    clip.write_bytes(clip.read_bytes() + b"\0")
    with pytest.raises(
        InputError, match=r"clip é\.mp4: changed since the job in .* was started: its SHA-256"
    ):
        write_pose_shards(model, clip, tmp_path / "out", **arguments)


def test_frames_that_no_shard_contains_are_processed_in_the_join(
    model: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "read_keys", lambda path: [])
    result = _run_twice(model, clip, tmp_path, WITHOUT_PICTURES)
    message = "clip é.mp4: the network ran on 20 frames while the shards were joined, because no shard"
    assert result.remarks[-1] == f"{message} contains them"


def test_a_video_with_an_unfinished_shard_is_not_joined(
    model: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from posedeploy.scaling import predicting

    lost = ["shard 1 is not finished: its worker died 3 times"]
    monkeypatch.setattr(predicting, "_compute", lambda *arguments: lost)
    result = write_pose_shards(model, clip, tmp_path / "out", WITHOUT_PICTURES, in_shards(6))
    message = "poses.json is not written: 1 of 4 shards are not finished; continue with `resume`"
    assert message in result.problems[-1] and not (tmp_path / "out/poses.json").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("rtsp://camera/1", "rtsp://camera/1: a camera or a stream cannot be read twice, which `ray` needs"),
        ("0", "0: a camera or a stream cannot be read twice"),
    ],
)
def test_a_camera_is_refused(model: Path, tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        write_pose_shards(model, source, tmp_path / "out", None, RaySettings())
    assert message in str(error.value) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", ["2024", "*/*.png"], ids=["numeric folder", "pattern"])
def test_a_relative_source_is_found_by_workers(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """A folder named like a camera; a pattern in a folder with brackets in its name."""
    folder = tmp_path / "a [1]" / "2024"
    folder.mkdir(parents=True)
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), picture(number))
    monkeypatch.chdir(folder.parent)
    _run_twice(model, source, tmp_path, PredictSettings(draw=False, fps=5), size=2)


@pytest.mark.parametrize("name", ["clip", "photos"])
def test_a_model_that_does_not_fit_leaves_no_job(
    model: Path, clip: Path, photos: Path, tmp_path: Path, name: str
) -> None:
    source, ray = (clip if name == "clip" else photos), RaySettings(poses_json=True)
    with pytest.raises(InputError, match=r"`mesh=.*x\.obj`: .* has no mesh; leave it out"):
        write_pose_shards(model, source, tmp_path / "out", None, ray, mesh=str(tmp_path / "x.obj"))
    assert not (tmp_path / "out").exists()


def test_boxes_of_images_give_the_same_poses(model: Path, photos: Path, tmp_path: Path) -> None:
    boxes = [{"image": f"{number:02d}.png", "boxes": [[9, 9, 99 + number, 99]]} for number in range(11)]
    boxes[5]["boxes"] = [[9, 9, 99, 99], [900, 9, 99, 99]]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    settings = replace(WITHOUT_PICTURES, persons=PersonArgs(boxes=tmp_path / "boxes.json"))
    write_poses(model, photos, tmp_path / "plain", settings, threads=1)
    ray = RaySettings(shard_size=5, poses_json=True)
    result = write_pose_shards(model, photos, tmp_path / "sharded", settings, ray, threads=1)
    assert _files(tmp_path / "plain") == _files(tmp_path / "sharded")
    assert result.people == 10 and any("no boxes for 11.png" in remark for remark in result.remarks)
