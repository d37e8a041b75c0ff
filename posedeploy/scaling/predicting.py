"""Prediction on a Ray cluster: many images into shards of poses, with ``resume`` after an interruption."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Unpack

from posedeploy import plugins
from posedeploy.api.model_args import ModelKeywords
from posedeploy.api.writing_poses import PredictSettings, check_output
from posedeploy.argument_types import check_arguments
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError, PoseDeployError
from posedeploy.scaling.job_folder import JobDocument, JobFolder, ShardRecord
from posedeploy.scaling.job_opening import open_folder
from posedeploy.scaling.job_output import ImagesOutput, JobOutput, VideoOutput
from posedeploy.scaling.progress import Progress
from posedeploy.scaling.ray_settings import RaySettings, ShardedPrediction
from posedeploy.scaling.shard_job import (
    ShardJob,
    check_settings,
    choose_worker_options,
    find_location,
    resolve_model_args,
    resolve_model_path,
    resolve_setting_paths,
)
from posedeploy.scaling.shard_worker import ShardWorker
from posedeploy.types import OnProgress, Precision, RunOptions, StrPath
from posedeploy.types.running import Hint

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""A URL, also after ``Path`` has removed its second slash."""


@check_arguments
def write_pose_shards(
    model: StrPath,
    source: StrPath,
    output: StrPath,
    settings: PredictSettings | None = None,
    ray: RaySettings | None = None,
    *,
    device: str = "cpu",
    precision: Precision | None = None,
    threads: int | None = None,
    runtime: str | None = None,
    on_progress: OnProgress = ignore_progress,
    **model_args: Unpack[ModelKeywords],
) -> ShardedPrediction:
    """Estimate the poses in many images or a video on a Ray cluster, and write them into shards in a folder.

    Workers read, decode and process the images, or segments of the video, in parallel. Each finished shard is
    a Parquet file and a line of ``manifest.jsonl``. After an interruption, ``resume`` computes the other
    shards, and the result equals an uninterrupted run. A shard whose worker dies is computed again on another
    one. The shards of a video are then joined into the files of ``write_poses``.

    Args:
        model: the path of an artifact or a checkpoint; all nodes have it under the same path.
        source: as in ``write_poses``, but no camera or stream; also a text file or Parquet file with paths
            and URLs of images, or a URL of object storage.
        output: a folder that all nodes share under the same path.
        threads: the CPU threads of each worker; None for 1.
        model_args: the fields of ``ModelKeywords``.

    Raises:
        InputError: the source or an argument cannot be used, or the folder contains another job.
        ClusterError: the cluster cannot be reached, or a node cannot run the job.
        OutputError: the folder cannot be written; the finished shards are kept.
        KeyboardInterrupt: Ctrl-C was pressed; the finished shards are kept. After the first frame of a video
            is joined, ``problems`` reports it instead, and the files contain the frames so far.
    """
    settings, ray = settings or PredictSettings(), ray or RaySettings()
    check_settings(settings)
    if _URL.match(str(output)):
        raise InputError(f"`output={output}`: expected a folder that all nodes share, such as one on NFS")
    check_output(str(source), Path(output))
    plugins.module("posedeploy.scaling.cluster")  # raises an error before anything is written
    folder = JobFolder(Path(output).absolute())
    options = choose_worker_options(RunOptions(device, precision, threads, "throughput"))
    job = ShardJob(
        folder=folder.path,
        source=str(source),
        location=find_location(str(source)),
        model=resolve_model_path(model),
        settings=resolve_setting_paths(settings),
        options=options,
        runtime=runtime,
        model_args=resolve_model_args(model_args),
    )
    with ExitStack() as opened:
        document, finished = open_folder(folder, job, ray, opened)
        hint: Hint = "latency" if document.options["is_single"] else "throughput"
        job = replace(job, job_id=document.id, options=replace(options, hint=hint))
        writer = _open_output(job, folder, document, ray, opened)
        resumed = len(finished)
        with _report_interruption(folder, document):
            lost = _compute(folder, job, document, finished, ray, on_progress)
            result = writer.finish(finished, lost, on_progress)
        return replace(result, resumed_shards=resumed)


def _open_output(
    job: ShardJob, folder: JobFolder, document: JobDocument, ray: RaySettings, opened: ExitStack
) -> JobOutput:
    """Open the models of the calling process."""
    with _leave_no_job(folder, ray):
        if document.segments:
            return VideoOutput(job, folder, document, opened)
        return ImagesOutput(job, folder, document, opened, writes_poses=ray.poses_json)


@contextmanager
def _leave_no_job(folder: JobFolder, ray: RaySettings) -> Iterator[None]:
    """Remove a new job from the folder, if an error prevents it from starting."""
    try:
        yield
    except PoseDeployError:
        if not ray.resume:
            folder.remove_job()
        raise


def _compute(
    folder: JobFolder,
    job: ShardJob,
    document: JobDocument,
    finished: dict[int, ShardRecord],
    ray: RaySettings,
    on_progress: OnProgress,
) -> list[str]:
    """Compute the shards that are not finished, add them to ``finished``, and return why others failed."""
    missing = [shard for shard in range(document.shards) if shard not in finished]
    if not missing:
        return []
    lost: list[str] = []
    pool = plugins.module("posedeploy.scaling.worker_pool")
    on_progress("starting Ray", None)
    with ExitStack() as connected:
        with _leave_no_job(folder, ray):
            connect = plugins.load("posedeploy.scaling.cluster:connect")
            cluster = connected.enter_context(connect(ray.address))
            size = pool.choose_pool_size(ray.workers, job.options, len(missing), cluster)
        done = sum(record.images for record in finished.values())
        unit = "frame" if document.segments else "image"
        progress = Progress(document.images, done, unit)
        pool.report_start(size, cluster, on_progress)
        with closing(pool.compute_tasks(partial(ShardWorker, job), missing, size)) as outcomes:
            for outcome in outcomes:
                if outcome.is_lost:
                    lost.append(outcome.error)
                    continue
                record: ShardRecord = outcome.take()
                folder.append_record(record)
                finished[record.shard] = record
                progress.add(record)
                on_progress(str(progress), progress.share)
    return lost


@contextmanager
def _report_interruption(folder: JobFolder, document: JobDocument) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if interrupt.args:  # its message reports that all files are in place
            raise
        finished = folder.read_manifest()
        raise KeyboardInterrupt(
            f"{folder.path}: {len(finished)} of {document.shards} shards are finished and kept; run the "
            "command again with `resume` to continue"
        ) from interrupt
