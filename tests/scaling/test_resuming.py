"""Jobs that are started and continued in one process, with the worker but without Ray."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from posedeploy.errors import ClusterError, InputError, OutputError
from posedeploy.scaling import job_opening
from posedeploy.scaling.image_worker import ImageWorker
from posedeploy.scaling.job_folder import JobFolder
from posedeploy.scaling.outcome import TaskError
from posedeploy.scaling.poses_table import read_rows
from posedeploy.scaling.predicting import write_pose_shards
from posedeploy.scaling.ray_settings import ShardedPrediction
from posedeploy.scaling.shard_job import ShardJob
from posedeploy.scaling.shard_worker import MAX_ATTEMPTS, ShardWorker
from posedeploy.types import RunOptions
from tests.scaling.conftest import WITHOUT_PICTURES, in_shards

pytestmark = pytest.mark.usefixtures("in_one_process")
SIZE = 4


Run: TypeAlias = Callable[..., ShardedPrediction]


@pytest.fixture(scope="module")
def whole(model: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> ShardedPrediction:
    """A finished job. Tests must not change its folder."""
    folder = tmp_path_factory.mktemp("job") / "out"
    return write_pose_shards(model, photos, folder, WITHOUT_PICTURES, in_shards(SIZE), threads=1)


@pytest.fixture
def job(model: Path, photos: Path, whole: ShardedPrediction, tmp_path: Path) -> Run:
    """Return a function that runs the job in ``tmp_path / "out"``, which has a copy of the finished one."""
    shutil.copytree(whole.files[0].parent, tmp_path / "out")

    def run(size: int = SIZE, **changes: Any) -> ShardedPrediction:
        arguments = {"model": model, "source": photos, "threads": 1, "settings": WITHOUT_PICTURES, **changes}
        ray = in_shards(size, resume=arguments.pop("resume", True))
        return write_pose_shards(output=tmp_path / "out", ray=ray, **arguments)

    return run


def _hashes(result: ShardedPrediction) -> list[str]:
    return [shard.sha256 for shard in result.shards]


def test_missing_shards_are_computed_again_and_the_others_are_kept(
    job: Run, whole: ShardedPrediction, photos: Path, tmp_path: Path
) -> None:
    assert len(whole.shards) == 3 and whole.images == 11 and whole.people == 11
    (problem,) = whole.problems
    assert problem.startswith(f"{photos / '03.png'}: the image is truncated or damaged")
    manifest = tmp_path / "out/manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text(lines[0] + lines[2][:40])  # the second is lost, the third was not written completely
    (tmp_path / "out/shards/.000002.1.part").touch()
    resumed = job()
    assert resumed.resumed_shards == 1 and _hashes(resumed) == _hashes(whole)
    assert [shard.attempts for shard in resumed.shards] == [1, 1, 1], "no worker died in this run"
    assert not list((tmp_path / "out/shards").glob(".*"))
    assert job().resumed_shards == 3
    report = json.loads(resumed.files[0].read_text())
    assert report["finished_shards"] == 3 and report["unused_images"] == 1 and report["problems"] == [problem]
    assert [entry["sha256"] for entry in report["manifest"]] == _hashes(whole)


def test_the_pictures_of_an_earlier_attempt_are_replaced(model: Path, photos: Path, tmp_path: Path) -> None:
    for name in ("00.png", "01.png"):
        shutil.copy(photos / name, tmp_path)
    (tmp_path / "out/pictures/000000").mkdir(parents=True)
    (tmp_path / "out/pictures/000000/other.jpg").touch()
    (shard,) = write_pose_shards(model, tmp_path, tmp_path / "out", None, in_shards(2)).shards
    pictures = [row.picture for row in read_rows(tmp_path / "out" / shard.file)]
    assert pictures == ["pictures/000000/00.jpg", "pictures/000000/01.jpg"]
    files = sorted((tmp_path / "out/pictures/000000").iterdir())
    assert [f"pictures/000000/{path.name}" for path in files] == pictures


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"size": 10},
            "`shard_size`: the job in {out} was started with 4, not with 10; use",
        ),
        ({"threads": 2}, "`threads`: the job in {out} was started with 1, not with 2"),
        (
            {"settings": replace(WITHOUT_PICTURES, draw=True)},
            "`draw`: the job in {out} was started with no, ",
        ),
        ({"precision": "fp32"}, "`precision`: the job in {out} was started with the default, not with fp32"),
        ({"source": "elsewhere"}, "`source`: the job in {out} was started with {photos}, not with elsewhere"),
    ],
)
def test_other_options_are_refused_by_name(
    job: Run, tmp_path: Path, photos: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as error:
        job(**changes)
    assert message.format(out=tmp_path / "out", photos=photos) in str(error.value)


def _edit(folder: Path, **values: object) -> None:
    document = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps(document | values))


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda out: _append(out / "shards/000001.parquet"),
            "000001.parquet: changed since it was",
        ),
        (lambda out: _append(out / "images.parquet"), "images.parquet: changed since it was written"),
        (lambda out: _edit(out, posedeploy="9.9"), "was started with posedeploy 9.9, but this is 0"),
        (lambda out: (out / "images.parquet").unlink(), "images.parquet: cannot be read (No such file"),
        (lambda out: (out / "job.json").write_text("{}"), "job.json: not a readable description of a job"),
        (lambda out: (out / "job.json").unlink(), "no job to resume: it has no job.json"),
        (lambda out: (out / "manifest.jsonl").write_text("{}\n"), "manifest.jsonl: line 1 is damaged"),
    ],
)
def test_a_changed_file_is_refused(
    job: Run, tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    change(tmp_path / "out")
    with pytest.raises(InputError) as error:
        job()
    assert message in str(error.value)


def test_a_folder_with_a_job_is_not_overwritten(job: Run) -> None:
    with pytest.raises(InputError, match=r"already contains a job .* continue it with `resume`"):
        job(resume=False)


def test_a_job_without_finished_shards_is_started_again(
    job: Run, whole: ShardedPrediction, tmp_path: Path
) -> None:
    (tmp_path / "out/manifest.jsonl").write_bytes(b"")
    started = job(resume=False, size=6)
    assert [shard.images for shard in started.shards] == [6, 6] and started.people == whole.people
    assert sorted(path.name for path in (tmp_path / "out/shards").iterdir()) == [
        "000000.parquet",
        "000001.parquet",
    ]


def test_a_job_that_cannot_be_started_leaves_no_folder(model: Path, tmp_path: Path) -> None:
    arguments = {"ray": in_shards(SIZE), "settings": WITHOUT_PICTURES}
    with pytest.raises(InputError, match="missing: no such file or folder"):
        write_pose_shards(model, "missing", tmp_path / "deep/out", **arguments)
    with pytest.raises(InputError, match=r"missing\.onnx: no such file; pass an artifact"):
        write_pose_shards(tmp_path / "missing.onnx", tmp_path, tmp_path / "deep/out", **arguments)
    assert not list(tmp_path.iterdir())


def test_two_runs_do_not_compute_one_job(job: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_opening, "try_lock", lambda path: None)
    with pytest.raises(OutputError, match="another process is already computing this job; wait until"):
        job()


@pytest.fixture
def worker_job(job: Run, model: Path, tmp_path: Path) -> ShardJob:
    folder = tmp_path / "out"
    job_id = JobFolder(folder).read_job().id
    options = RunOptions(threads=1, hint="throughput")
    return ShardJob(
        folder=folder, job_id=job_id, source="photos", model=model, settings=WITHOUT_PICTURES, options=options
    )


def test_a_shard_whose_workers_died_is_reported(worker_job: ShardJob) -> None:
    for attempt in range(MAX_ATTEMPTS):
        (worker_job.folder / f"shards/.000001.{attempt}.part").touch()
    worker = ShardWorker(worker_job)
    with pytest.raises(TaskError, match=r"shard 1 is not finished: its worker died 3 times .* images 4 to 7"):
        worker(1)
    assert worker(0).attempts == 1
    worker.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda folder: (folder / "job.json").unlink(),
            "does not have the job's folder; use an",
        ),
        (
            lambda folder: _edit(folder, id="other"),
            "the folder contains another job; use an",
        ),
        (
            lambda folder: _edit(folder, model_sha256={"hg2d.onnx": "0" * 64}),
            "expected 000000000000; copy",
        ),
    ],
)
def test_a_node_that_differs_is_refused(
    worker_job: ShardJob, change: Callable[[Path], None], message: str
) -> None:
    change(worker_job.folder)
    with pytest.raises(ClusterError) as error:
        ShardWorker(worker_job)
    assert message in str(error.value)


@pytest.mark.parametrize("worker", [ShardWorker, ImageWorker])
def test_another_version_of_posedeploy_is_refused(worker_job: ShardJob, worker: type) -> None:
    with pytest.raises(ClusterError, match=r"has posedeploy 0.*, but the job was started with 9\.9"):
        worker(replace(worker_job, version="9.9"))


def test_a_full_disk_keeps_the_finished_shards(job: Run, worker_job: ShardJob) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    worker = ShardWorker(worker_job)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"writing failed .*; the finished shards are kept: free space"):
            worker(1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        worker.close()
    assert not list((worker_job.folder / "shards").glob("*.part"))
    assert job().resumed_shards == 3
