"""``predict --ray`` on a real Ray of several nodes, whose workers and nodes are killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from posedeploy.api.writing_poses import write_poses
from posedeploy.errors import ClusterError, OutputError
from posedeploy.scaling.poses_table import read_rows
from posedeploy.scaling.predicting import write_pose_shards
from posedeploy.scaling.ray_settings import RaySettings, ShardedPrediction
from tests.commands.conftest import Invoke
from tests.predict.videos import make_video
from tests.scaling.conftest import OBJECT_STORE_BYTES, WITHOUT_PICTURES, in_shards, running_cluster

pytestmark = pytest.mark.slow
WAIT_S = 300


def _poses(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "poses.json").read_text())
    document["problems"] = [problem.rpartition("/")[2] for problem in document["problems"]]
    return document


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 160 different images."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(160):
        pixels = np.random.default_rng(number).integers(0, 255, (12, 16, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number:03d}.png"), cv2.resize(pixels, (640, 480)))
    return folder


@pytest.fixture(scope="module")
def whole(model: Path, many: Path, tmp_path_factory: pytest.TempPathFactory) -> ShardedPrediction:
    """The result of an uninterrupted run over these images."""
    return write_pose_shards(model, many, tmp_path_factory.mktemp("whole"), WITHOUT_PICTURES, in_shards(8))


def _hashes(result: ShardedPrediction) -> list[str]:
    return [shard.sha256 for shard in result.shards]


def test_the_result_is_that_of_a_run_without_ray(
    model: Path, photos: Path, tmp_path: Path, done: Invoke, invoke: Invoke
) -> None:
    """Of the command line, to the last bit: keypoints in the shards, and ``poses.json``."""
    arguments = ("predict", model, photos, "--no-draw", "--threads", 1, "-o")
    invoke(*arguments, tmp_path / "plain")
    result = invoke(
        *arguments, tmp_path / "out é", "--ray", "--shard-size", 5, "--poses-json", "--workers", 2
    )
    assert result.exit_code == 1, "one image is damaged"
    assert result.stdout.splitlines()[0] == "11 people in 11 images, 3 shards"
    assert "warning: " in result.stderr and "03.png: the image is truncated or damaged" in result.stderr
    plain, sharded = _poses(tmp_path / "plain"), _poses(tmp_path / "out é")
    assert plain == sharded
    rows = [row for path in sorted((tmp_path / "out é/shards").iterdir()) for row in read_rows(path)]
    assert [row.index for row in rows] == list(range(12))
    assert [row.name for row in rows if row.error] == ["03.png"]
    names = {image["file_name"]: image["id"] for image in plain["images"]}
    for row in rows:
        if row.poses is not None:
            (person,) = (each for each in plain["annotations"] if each["image_id"] == names[row.name])
            xy = np.reshape(person["keypoints"], (-1, 3))[:, :2]
            found = row.poses.keypoints[0, :, 2] >= 0
            assert np.array_equal(np.round(row.poses.keypoints[0, found, :2], 3), xy[found])


def _after_shards(folder: Path, count: int, act: Callable[[list[dict[str, Any]]], None]) -> threading.Thread:
    """Call ``act`` with the manifest as soon as it has ``count`` shards, unless that takes too long."""

    def wait() -> None:
        manifest, deadline = folder / "manifest.jsonl", time.monotonic() + WAIT_S
        while not manifest.exists() or manifest.read_bytes().count(b"\n") < count:
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        act([json.loads(line) for line in manifest.read_text().splitlines()])

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def _kill_computing(shards: Path) -> None:
    """Kill the workers that run a task while a shard is partially written."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        partial = set(shards.glob(".*.part"))
        workers = [each for each in psutil.Process().children(recursive=True) if _is_computing(each)]
        for worker in workers:  # none of them finishes its shard now
            with suppress(psutil.Error):
                worker.suspend()
        is_partial = bool(partial & set(shards.glob(".*.part")))
        for worker in workers:
            with suppress(psutil.Error):
                (worker.kill if is_partial else worker.resume)()
        if is_partial:
            return
        time.sleep(0.002)


def _is_computing(process: psutil.Process) -> bool:
    """Return whether the title that Ray gives a process is that of a task."""
    try:
        return process.cmdline()[0].endswith(".submit")
    except (psutil.Error, IndexError):
        return False


def test_killed_workers_and_nodes_change_nothing(
    model: Path, many: Path, whole: ShardedPrediction, tmp_path: Path
) -> None:
    with running_cluster() as cluster:
        node = cluster.add_node(num_cpus=2, object_store_memory=OBJECT_STORE_BYTES)

        def kill_workers(shards: list[dict[str, Any]]) -> None:
            _kill_computing(tmp_path / "out" / "shards")

        def remove_node(shards: list[dict[str, Any]]) -> None:
            cluster.remove_node(node, allow_graceful=False)

        threads = [
            _after_shards(tmp_path / "out", 3, kill_workers),
            _after_shards(tmp_path / "out", 6, remove_node),
        ]
        settings = in_shards(8, address=cluster.address, workers=4)
        result = write_pose_shards(model, many, tmp_path / "out", WITHOUT_PICTURES, settings)
        for thread in threads:
            thread.join()
    assert _hashes(result) == _hashes(whole) and result.images == 160
    assert len({shard.worker for shard in result.shards}) > 2
    assert sum(shard.attempts - 1 for shard in result.shards) > 0, "no worker was killed within a shard"
    assert result.problems == ()


def test_a_killed_worker_changes_nothing_in_a_video(model: Path, tmp_path: Path) -> None:
    encoder = {"g": "8", "keyint_min": "8", "sc_threshold": "0", "bf": "3", "x264-params": "open-gop=1"}
    clip = make_video(tmp_path / "clip.mp4", encoder=encoder, stamps=range(96), size=(640, 480))
    write_poses(model, clip, tmp_path / "plain", threads=1)

    def kill_workers(shards: list[dict[str, Any]]) -> None:
        _kill_computing(tmp_path / "out" / "shards")

    thread = _after_shards(tmp_path / "out", 3, kill_workers)
    result = write_pose_shards(model, clip, tmp_path / "out", None, in_shards(8, workers=2))
    thread.join()
    assert sum(shard.attempts - 1 for shard in result.shards) > 0, "no worker was killed within a shard"
    assert (result.images, len(result.shards), result.problems, result.remarks) == (96, 12, (), ())
    for name in ("clip.mp4", "poses.json"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_ctrl_c_keeps_the_finished_shards(
    model: Path, many: Path, whole: ShardedPrediction, tmp_path: Path, done: Invoke
) -> None:
    command = [sys.executable, "-m", "posedeploy", "predict", str(model), str(many), "--ray", "--no-draw"]
    command += ["--shard-size", "8", "-o", str(tmp_path / "out"), "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        _after_shards(tmp_path / "out", 3, lambda shards: process.send_signal(signal.SIGINT)).join()
        _, stderr = process.communicate()
    assert process.returncode == 1
    assert stderr.splitlines()[-1].startswith(f"error: interrupted; {tmp_path / 'out'}: ")
    assert "of 20 shards are finished and kept; run the command again with --resume" in stderr
    finished = (tmp_path / "out/manifest.jsonl").read_bytes().count(b"\n")
    result = write_pose_shards(model, many, tmp_path / "out", WITHOUT_PICTURES, in_shards(8, resume=True))
    assert 3 <= result.resumed_shards == finished < 20
    assert _hashes(result) == _hashes(whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 kB, in memory."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "posedeploy-tests", str(tmp_path)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this process may not mount a file system")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_full_disk_ends_the_job_and_keeps_the_finished_shards(
    model: Path, many: Path, whole: ShardedPrediction, small_disk: Path
) -> None:
    out = small_disk / "out"
    with pytest.raises(OutputError, match=r"No space left .*; the finished shards are kept"):
        write_pose_shards(model, many, out, WITHOUT_PICTURES, in_shards(8))
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    result = write_pose_shards(model, many, out, WITHOUT_PICTURES, in_shards(8, resume=True))
    assert 0 < result.resumed_shards < 20
    assert _hashes(result) == _hashes(whole)


def test_an_unreachable_cluster_is_refused(model: Path, photos: Path, tmp_path: Path) -> None:
    settings = RaySettings(address="127.0.0.1:1")
    with pytest.raises(ClusterError, match=r"`ray=127\.0\.0\.1:1`: no Ray cluster can be reached there"):
        write_pose_shards(model, photos, tmp_path / "out", None, settings)
    assert not (tmp_path / "out").exists()


def test_a_cluster_of_another_python_is_refused(
    model: Path, photos: Path, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray._private.utils.compute_version_info", lambda: ("2.60.0", "3.10.1"))
    with pytest.raises(ClusterError, match=r"other versions of Python or Ray than this process \(Ray 2"):
        write_pose_shards(model, photos, tmp_path / "out", None, RaySettings(address=address))
