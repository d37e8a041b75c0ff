"""Prediction on a Ray cluster: many images into shards of poses, with ``resume`` after an interruption."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from posedeploy import files, plugins
from posedeploy.api.model_args import ModelKeywords
from posedeploy.api.writing_poses import PredictSettings, check_output
from posedeploy.argument_types import check_arguments
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError, OutputError
from posedeploy.scaling.input_hashes import hash_inputs
from posedeploy.scaling.job_folder import REPORT, JobDocument, JobFolder, ShardRecord
from posedeploy.scaling.job_output import PosesOutput, describe_job, list_remarks
from posedeploy.scaling.progress import Progress
from posedeploy.scaling.ray_settings import RaySettings, ShardedPrediction
from posedeploy.scaling.resuming import resume_job, start_job
from posedeploy.scaling.shard_job import (
    ShardJob,
    check_settings,
    choose_worker_options,
    resolve_model_args,
    resolve_model_path,
    resolve_setting_paths,
)
from posedeploy.scaling.shard_worker import ShardWorker
from posedeploy.staging.file_lock import holder_of, try_lock
from posedeploy.text_files import format_json
from posedeploy.types import OnProgress, Precision, RunOptions, StrPath
from posedeploy.types.running import Hint

logger = logging.getLogger(__name__)
LOCK = ".job.lock"
MAX_REASONS = 3
"""Maximum number of unusable images that a message names."""
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
    """Estimate the poses in many images on a Ray cluster, and write them into shards in a folder.

    Workers read, decode and process the images in parallel. Each finished shard is a Parquet file and a line
    of ``manifest.jsonl``. After an interruption, ``resume`` computes the other shards, and the result equals
    an uninterrupted run. A shard whose worker dies is computed again on another one.

    Args:
        model: the path of an artifact or a checkpoint; all nodes have it under the same path.
        source: a folder, a pattern, a text file or Parquet file with paths and URLs, or a URL of object
            storage.
        output: a folder that all nodes share under the same path.
        threads: the CPU threads of each worker; None for 1.
        model_args: the fields of ``ModelKeywords``.

    Raises:
        InputError: the source or an argument cannot be used, or the folder contains another job.
        ClusterError: the cluster cannot be reached, or a node cannot run the job.
        OutputError: the folder cannot be written; the finished shards are kept.
        KeyboardInterrupt: Ctrl-C was pressed; the finished shards are kept.
    """
    settings, ray = settings or PredictSettings(), ray or RaySettings()
    check_settings(settings, model_args)
    if _URL.match(str(output)):
        raise InputError(f"`output={output}`: expected a folder that all nodes share, such as one on NFS")
    check_output(str(source), Path(output))
    plugins.module("posedeploy.scaling.cluster")  # raises an error before anything is written
    folder = JobFolder(Path(output).absolute())
    options = choose_worker_options(RunOptions(device, precision, threads, "throughput"))
    job = ShardJob(
        folder=folder.path,
        source=str(source),
        model=resolve_model_path(model),
        settings=resolve_setting_paths(settings),
        options=options,
        runtime=runtime,
        model_args=resolve_model_args(model_args),
    )
    with ExitStack() as opened:
        document, finished = _open_folder(folder, job, ray, opened)
        hint: Hint = "latency" if document.options["is_single"] else "throughput"
        job = replace(job, job_id=document.id, options=replace(options, hint=hint))
        poses = PosesOutput(job, document, opened) if ray.poses_json else None
        resumed = len(finished)
        problems = _compute(folder, job, document, finished, ray, on_progress)
        result = _finish(folder, document, finished, problems, resumed)
        if poses is not None:
            poses.write(folder, result)
            result = replace(result, files=(*result.files, folder.poses_json))
    return result


def _open_folder(
    folder: JobFolder, job: ShardJob, ray: RaySettings, opened: ExitStack
) -> tuple[JobDocument, dict[int, ShardRecord]]:
    """Start or resume the job, and return it with its finished shards. ``opened`` releases the folder."""
    hashes = hash_inputs(job)
    options = _list_options(job, ray)
    if ray.resume:
        folder.read_job()
        _lock(folder, opened)
        return resume_job(folder, options=options, model_sha256=hashes)
    opened.enter_context(files.created_folder(folder.path))
    _lock(folder, opened)
    document = start_job(
        folder, job.source, recursive=job.settings.recursive, options=options, model_sha256=hashes
    )
    return document, {}


def _lock(folder: JobFolder, opened: ExitStack) -> None:
    """Keep other runs from this job until ``opened`` is closed.

    Raises:
        OutputError: another run computes it, or the folder cannot be written.
    """
    path = folder.path / LOCK
    try:
        lock = try_lock(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be locked ({error.strerror}); choose another folder") from error
    if lock is None:
        raise OutputError(
            f"{folder.path}: {holder_of(path) or 'another process'} is already computing this job; wait "
            "until it ends"
        )
    opened.enter_context(lock)


def _list_options(job: ShardJob, ray: RaySettings) -> dict[str, Any]:
    """Return the arguments that decide the results of a job, by name."""
    settings, options = job.settings, job.options
    values: dict[str, Any] = {
        "model": job.model,
        "source": job.source,
        "shard_size": ray.shard_size,
        "device": options.device,
        "precision": options.precision,
        "threads": options.threads,
        "runtime": job.runtime,
        **job.model_args,
        "draw": settings.draw,
        "refine": settings.refine,
        "recursive": settings.recursive,
        "fx": settings.fx,
        "extrinsics": settings.extrinsics,
        "detector": settings.persons.detector,
        "detector_spec": settings.persons.contract,
        "min_keypoints": settings.persons.threshold.min_keypoints,
        "min_score": settings.persons.threshold.min_score,
    }
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


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
    with plugins.load("posedeploy.scaling.cluster:connect")(ray.address) as cluster:
        size = pool.choose_pool_size(ray.workers, job.options, len(missing), cluster)
        done = sum(record.images for record in finished.values())
        progress = Progress(document.images, done, cluster.dashboard)
        on_progress(str(progress), progress.share)
        with (
            _report_interruption(folder, document, finished),
            closing(pool.compute_tasks(partial(ShardWorker, job), missing, size)) as outcomes,
        ):
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
def _report_interruption(
    folder: JobFolder, document: JobDocument, finished: Mapping[int, ShardRecord]
) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(
            f"{folder.path}: {len(finished)} of {document.shards} shards are finished and kept; run the "
            "command again with `resume` to compute the others"
        ) from interrupt


def _finish(
    folder: JobFolder,
    document: JobDocument,
    finished: Mapping[int, ShardRecord],
    lost: list[str],
    resumed: int,
) -> ShardedPrediction:
    """Sort the manifest, and write the report."""
    records = tuple(finished[shard] for shard in sorted(finished))
    unused = (problem for record in records for problem in record.problems)
    problems = (*document.problems, *unused, *lost)
    folder.write_manifest(records)
    files.write_text(folder.path / REPORT, format_json(describe_job(document, records, problems)))
    if not any(record.images > len(record.problems) for record in records):
        more = f"; {REPORT} has all {len(problems)} reasons" if len(problems) > MAX_REASONS else ""
        raise InputError(f"{document.name}: no image can be used: {'; '.join(problems[:MAX_REASONS])}{more}")
    return ShardedPrediction(
        (folder.path / REPORT, folder.manifest),
        records,
        resumed,
        len(document.skipped),
        problems,
        tuple(list_remarks(document, records)),
    )
