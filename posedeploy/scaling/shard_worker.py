"""Compute the shards of a job in one process, which keeps the models open."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
import time
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol

from posedeploy import files
from posedeploy.errors import ClusterError, InputError
from posedeploy.scaling.image_shards import ImageShards
from posedeploy.scaling.input_hashes import hash_inputs
from posedeploy.scaling.job_folder import JobDocument, JobFolder, ShardRecord, write_error
from posedeploy.scaling.outcome import TaskError, check_version
from posedeploy.scaling.poses_table import ImageRow, write_rows
from posedeploy.scaling.segment_shards import SegmentShards
from posedeploy.scaling.shard_job import ShardJob
from posedeploy.types import RuntimeInfo

MAX_ATTEMPTS = 3
"""Maximum number of attempts for each shard: an image that crashes the decoder must not stop the job."""


class ShardWorker:
    """A process of a job with open models. ``close`` closes them."""

    def __init__(self, job: ShardJob) -> None:
        """
        Raises:
            ClusterError: this process does not share the output folder, or has another version of posedeploy
                or of the model.
            PoseDeployError: a model cannot be opened on this machine.
        """
        check_version(job.version)
        self._job = job
        self._folder = JobFolder(job.folder)
        document = check_worker(self._folder, job.job_id)
        self._opened = ExitStack()
        with ExitStack() as on_error:
            on_error.push(self._opened)
            self._shards = _open_shards(job, self._folder, document, self._opened)
            _check_inputs(job, document)
            on_error.pop_all()

    def close(self) -> None:
        """Close the models."""
        self._opened.close()

    def __call__(self, shard: int) -> ShardRecord:
        """Compute a shard, and replace its files atomically.

        Raises:
            TaskError: its worker died ``MAX_ATTEMPTS`` times.
            OutputError: the disk is full, or the folder cannot be written.
            ArtifactError: the model cannot be run.
        """
        try:
            return self._compute(shard)
        except OSError as error:
            raise write_error(self._job.folder, error) from error

    def _compute(self, shard: int) -> ShardRecord:
        started, cpu_started = time.monotonic(), time.process_time()
        path = self._folder.shard(shard)
        path.parent.mkdir(exist_ok=True)
        interrupted = _remove_attempts(path, self._folder.pictures(shard))
        if interrupted >= MAX_ATTEMPTS:
            raise TaskError(
                f"shard {shard} is not finished: its worker died {MAX_ATTEMPTS} times while it processed "
                f"{self._shards.describe(shard)}; look for an image that crashes the decoder or takes too "
                "much memory, then continue with `resume`"
            )
        attempt = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.part")
        attempt.touch()
        try:
            rows = self._shards.predict(shard)
            write_rows(attempt, rows)
            _sync(attempt)
            digest, size = files.sha256(attempt), attempt.stat().st_size
            attempt.replace(path)
        finally:  # its own files only: a worker that Ray reported as dead may still be running
            attempt.unlink(missing_ok=True)
        return ShardRecord(
            shard=shard,
            file=path.relative_to(self._job.folder).as_posix(),
            sha256=digest,
            bytes=size,
            images=len(rows),
            people=sum(len(row.poses) for row in rows if row.poses is not None),
            problems=tuple(row.error for row in rows if row.error is not None),
            remarks=(
                *(f"{row.name}: {row.remark}" for row in rows if row.remark is not None),
                *self._shards.take_remarks(),
            ),
            attempts=interrupted + 1,
            node=platform.node(),
            worker=os.getpid(),
            seconds=round(time.monotonic() - started, 6),
            cpu_seconds=round(time.process_time() - cpu_started, 6),
            max_rss_bytes=_max_rss_bytes(),
            runtime=self._shards.runtime,
        )


class Shards(Protocol):
    """Computes the shards of one kind of source. runtime: describes the runtime of the network."""

    runtime: RuntimeInfo

    def predict(self, shard: int) -> list[ImageRow]:
        """Return the results of a shard."""

    def take_remarks(self) -> list[str]:
        """Return the remarks since the last call."""

    def describe(self, shard: int) -> str:
        """Return the content of a shard for messages."""


def _open_shards(job: ShardJob, folder: JobFolder, document: JobDocument, opened: ExitStack) -> Shards:
    if document.segments:
        return SegmentShards(job, document.segments, opened)
    return ImageShards(job, folder, document.options["shard_size"], opened)


def check_worker(folder: JobFolder, job_id: str) -> JobDocument:
    """Check that this process shares the output folder with the others, and return the job.

    Raises:
        ClusterError: the folder is missing, or contains another job.
    """
    try:
        document = folder.read_job()
    except InputError as error:
        raise ClusterError(
            f"{folder.path}: node {platform.node()} does not have the job's folder; use an output folder "
            "that all nodes share, such as one on NFS, under the same path"
        ) from error
    if document.id != job_id:
        raise ClusterError(
            f"{folder.path}: on node {platform.node()} the folder contains another job; use an output folder "
            "that all nodes share, under the same path"
        )
    return document


def _check_inputs(job: ShardJob, document: JobDocument) -> None:
    hashes = hash_inputs(job)
    for name, digest in document.model_sha256.items():
        if hashes.get(name) != digest:
            raise ClusterError(
                f"{job.model}: on node {platform.node()} the SHA-256 of {name} is "
                f"{hashes.get(name, 'missing')[:12]}, expected {digest[:12]}; copy the same files to all "
                "nodes"
            )


def _remove_attempts(path: Path, pictures: Path) -> int:
    """Remove the partial files of interrupted attempts, and return the number of these attempts."""
    parts = list(path.parent.glob(f".{path.stem}.*.part"))
    for part in parts:
        with suppress(FileNotFoundError):
            part.unlink()
    for folder in pictures.parent.glob(f".{pictures.name}.*.part"):
        shutil.rmtree(folder, ignore_errors=True)
    return len(parts)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _max_rss_bytes() -> int:
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage if sys.platform == "darwin" else usage * 1024
