"""Ctrl-C while a video is computed on Ray, and while its shards are joined."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from posedeploy.api.writing_poses import write_poses
from posedeploy.scaling.joining import StoredPredictor
from posedeploy.scaling.predicting import write_pose_shards
from tests.predict.videos import make_video
from tests.scaling.conftest import in_shards

FRAMES, SHARD = 96, 8
SHARDS = FRAMES // SHARD
RESULTS = ("clip.mp4", "poses.json")
WAIT_S = 300


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video whose shards take long enough to be interrupted."""
    encoder = {"g": "8", "keyint_min": "8", "sc_threshold": "0", "preset": "ultrafast"}
    return make_video(tmp_path / "clip.mp4", encoder=encoder, stamps=range(FRAMES), size=(640, 480))


def _check_resumed(model: Path, clip: Path, out: Path, shards: int) -> None:
    """Resume the job, and compare its files with those of a run without Ray."""
    write_poses(model, clip, out.with_name("plain"), threads=1)
    result = write_pose_shards(model, clip, out, None, in_shards(SHARD, resume=True, workers=1), threads=1)
    assert (result.images, result.resumed_shards, result.problems) == (FRAMES, shards, ())
    for name in RESULTS:
        assert (out.with_name("plain") / name).read_bytes() == (out / name).read_bytes()
    files = {"job.json", "images.parquet", "manifest.jsonl", "report.json", "shards", *RESULTS}
    assert {path.name for path in out.iterdir() if not path.name.startswith(".job")} <= files
    assert not list((out / "shards").glob(".*"))


def _finished(out: Path) -> int:
    manifest = out / "manifest.jsonl"
    return manifest.read_bytes().count(b"\n") if manifest.exists() else 0


def _is_joining(out: Path) -> bool:
    """Whether the video in the staging folder has its first bytes."""
    return any(path.stat().st_size for path in out.rglob("clip.mp4"))


def _interrupt(model: Path, clip: Path, out: Path, is_due: Callable[[], bool]) -> str:
    """Run the command line, press Ctrl-C as soon as it is due, and return the messages."""
    command = [sys.executable, "-m", "posedeploy", "predict", str(model), str(clip), "--ray"]
    command += ["--shard-size", str(SHARD), "-o", str(out), "--workers", "1", "--threads", "1"]
    deadline = time.monotonic() + WAIT_S
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while not is_due() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate()
    assert process.returncode == 1, messages
    return messages


@pytest.mark.slow
def test_ctrl_c_keeps_the_finished_shards_of_a_video(model: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    messages = _interrupt(model, clip, out, lambda: _finished(out) >= 2)
    finished = _finished(out)
    assert 2 <= finished < SHARDS
    assert f"error: interrupted; {out}: {finished} of {SHARDS} shards are finished and kept" in messages
    assert "run the command again with --resume to continue" in messages
    assert not list(out.rglob("clip.mp4")) and not list(out.rglob("poses.json"))
    _check_resumed(model, clip, out, finished)


@pytest.mark.slow
def test_ctrl_c_in_the_join_keeps_the_frames_so_far(model: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    messages = _interrupt(model, clip, out, lambda: _finished(out) == SHARDS and _is_joining(out))
    assert "clip.mp4: stopped by Ctrl-C; the frames so far are kept" in messages
    document = json.loads((out / "poses.json").read_text())
    assert 0 < len(document["images"]) < FRAMES
    _check_resumed(model, clip, out, SHARDS)


@pytest.mark.slow
@pytest.mark.usefixtures("in_one_process")
def test_ctrl_c_before_the_first_joined_frame_writes_no_results(
    model: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(StoredPredictor, "stream", interrupt)
        message = f"{SHARDS} of {SHARDS} shards are finished and kept; run the command again with `resume`"
        with pytest.raises(KeyboardInterrupt, match=message):
            write_pose_shards(model, clip, out, None, in_shards(SHARD), threads=1)
    assert not list(out.rglob("clip.mp4")) and not list(out.rglob("poses.json"))
    _check_resumed(model, clip, out, SHARDS)
