"""Start or resume the job in a folder, which no other run may use meanwhile."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from posedeploy import files
from posedeploy.errors import OutputError
from posedeploy.scaling.input_hashes import hash_inputs
from posedeploy.scaling.job_folder import JobDocument, JobFolder, ShardRecord
from posedeploy.scaling.ray_settings import RaySettings
from posedeploy.scaling.resuming import resume_job, start_job
from posedeploy.scaling.shard_job import ShardJob
from posedeploy.staging.file_lock import holder_of, try_lock

LOCK = ".job.lock"


def open_folder(
    folder: JobFolder, job: ShardJob, ray: RaySettings, opened: ExitStack
) -> tuple[JobDocument, dict[int, ShardRecord]]:
    """Start or resume the job, and return it with its finished shards.

    Args:
        opened: releases the folder.

    Raises:
        InputError: the source, a file of the model or the folder cannot be used.
        OutputError: another run computes the job, or the folder cannot be written.
    """
    hashes = hash_inputs(job)
    options = list_options(job, ray.shard_size)
    if ray.resume:
        folder.read_job()
        _lock(folder, opened)
        return resume_job(folder, job, options=options, model_sha256=hashes)
    opened.enter_context(files.created_folder(folder.path))
    _lock(folder, opened)
    return start_job(folder, job, options=options, model_sha256=hashes), {}


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


def list_options(job: ShardJob, shard_size: int) -> dict[str, Any]:
    """Return the arguments that decide the results of a job, by name."""
    settings, options, persons = job.settings, job.options, job.settings.persons
    values: dict[str, Any] = {
        "model": job.model,
        "source": job.source,
        "shard_size": shard_size,
        "device": options.device,
        "precision": options.precision,
        "threads": options.threads,
        "runtime": job.runtime,
        **job.model_args,
        "draw": settings.draw,
        "track": settings.track,
        "smooth": settings.smooth,
        "fps": settings.fps,
        "refine": settings.refine,
        "recursive": settings.recursive,
        "fx": settings.fx,
        "extrinsics": settings.extrinsics,
        "mesh_format": settings.mesh_format,
        "detector": persons.detector,
        "detector_spec": persons.contract,
        "min_keypoints": persons.threshold.min_keypoints,
        "min_score": persons.threshold.min_score,
        "boxes": persons.boxes,
        "box_format": persons.box_options.box_format,
        "box_label": persons.box_options.label,
        "box_score": persons.box_options.min_score,
        "joints": settings.joints.joint_set,
        "sequence": settings.joints.is_sequence,
        "joints_key": settings.joints.key,
        "image_size": settings.joints.image_size,
    }
    return {name: _to_json(value) for name, value in values.items()}


def _to_json(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
