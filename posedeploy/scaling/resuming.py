"""Start a job in a folder, or resume the job that it contains."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import msgspec

from posedeploy import __version__, files
from posedeploy.errors import InputError
from posedeploy.printable import listed, printable
from posedeploy.scaling.image_list import ImageList
from posedeploy.scaling.image_table import find_state, write_images
from posedeploy.scaling.job_folder import (
    IMAGES,
    JOB,
    MANIFEST,
    UNFINISHED,
    JobDocument,
    JobFolder,
    ShardRecord,
)
from posedeploy.scaling.job_source import FrameList, check_source, open_job_source
from posedeploy.scaling.shard_job import ShardJob

MISSING = (None, None)
MAX_NAMES = 3
"""Maximum number of changed images that a message names."""


def start_job(
    folder: JobFolder, job: ShardJob, *, options: Mapping[str, Any], model_sha256: Mapping[str, str]
) -> JobDocument:
    """List the images or segments of a source, and write the description of the job into its folder.

    Raises:
        InputError: the folder contains a job with finished shards, or the source cannot be used.
        OutputError: the folder cannot be written.
    """
    if folder.has_job:
        raise InputError(
            f"{folder.path}: already contains a job ({JOB}); continue it with `resume`, or use another folder"
        )
    if folder.job.exists():  # without finished shards
        folder.remove_shards()
        folder.remove_shards(UNFINISHED)
    content = open_job_source(job, options["shard_size"])
    options = {**options, "is_single": content.is_single}
    with files.staged(folder.path) as stage:
        describe = _describe_frames if isinstance(content, FrameList) else _write_images
        document = describe(content, stage, options, model_sha256)  # type: ignore[arg-type]
        (stage / MANIFEST).write_bytes(b"")
        (stage / JOB).write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    return document


def _write_images(
    content: ImageList, stage: Path, options: Mapping[str, Any], model_sha256: Mapping[str, str]
) -> JobDocument:
    images, shards = write_images(stage / IMAGES, content.images, options["shard_size"])
    return JobDocument(
        name=printable(content.name),
        options=options,
        model_sha256=model_sha256,
        images=images,
        shards=shards,
        images_sha256=files.sha256(stage / IMAGES),
        skipped=content.skipped,
        problems=content.problems,
        remarks=content.remarks,
    )


def _describe_frames(
    content: FrameList, stage: Path, options: Mapping[str, Any], model_sha256: Mapping[str, str]
) -> JobDocument:
    return JobDocument(
        name=content.name,
        options=options,
        model_sha256=model_sha256,
        images=content.total,
        shards=len(content.segments),
        segments=content.segments,
        source_sha256=content.sha256,
    )


def resume_job(
    folder: JobFolder, job: ShardJob, *, options: Mapping[str, Any], model_sha256: Mapping[str, str]
) -> tuple[JobDocument, dict[int, ShardRecord]]:
    """Return the job in a folder with its finished shards. Shards whose files were deleted are left out.

    Raises:
        InputError: there is no job, it has other options or another model, or one of its files has changed.
    """
    document = folder.read_job()
    _check_options(folder, document, options, model_sha256)
    if document.source_sha256 is not None:
        check_source(job, document.source_sha256)
    if document.images_sha256 is not None:
        _check_file(folder.path / IMAGES, document.images_sha256, "use another folder without `resume`")
    records = folder.read_manifest()
    finished = {}
    for number, record in records.items():
        path = folder.path / record.file
        if path.exists():
            _check_file(path, record.sha256, "delete the file to compute the shard again, then `resume`")
            finished[number] = record
    if document.images_sha256 is not None:
        _check_images(folder, document.shards, finished)
    folder.remove_shards(UNFINISHED)  # their workers ended with the earlier run; no image crashed them
    folder.write_manifest(finished.values())
    return document, finished


def _check_options(
    folder: JobFolder, document: JobDocument, options: Mapping[str, Any], model_sha256: Mapping[str, str]
) -> None:
    if document.posedeploy != __version__:
        raise InputError(
            f"the job in {folder.path} was started with posedeploy {document.posedeploy}, but this is "
            f"{__version__}; use the same version with `resume`, or another folder"
        )
    for name, value in options.items():
        recorded = document.options.get(name)
        if recorded != value:
            raise InputError(
                f"`{name}`: the job in {folder.path} was started with {_format(recorded)}, not with "
                f"{_format(value)}; use the same value with `resume`, or another folder"
            )
    for name, digest in model_sha256.items():
        recorded_digest = document.model_sha256.get(name, "")
        if recorded_digest != digest:
            raise InputError(
                f"{name}: changed since the job in {folder.path} was started: its SHA-256 is "
                f"{digest[:12]}..., expected {recorded_digest[:12]}...; use the same file, or another folder"
            )


def _check_images(folder: JobFolder, shards: int, finished: Collection[int]) -> None:
    """Check the size and the time of each image. One of a finished shard may be missing."""
    changed: list[str] = []
    for shard in range(shards):
        for image, recorded in folder.read_states(shard):
            state = find_state(image)
            if state != recorded and not (shard in finished and state == MISSING):
                changed.append(image.location)
    if changed:
        raise InputError(
            f"{listed(changed, MAX_NAMES)}: changed since the job in {folder.path} was started; restore the "
            "files, or use another folder without `resume`"
        )


def _check_file(path: Path, expected: str, hint: str) -> None:
    try:
        digest = files.sha256(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {hint}") from error
    if digest != expected:
        raise InputError(
            f"{path}: changed since it was written: its SHA-256 is {digest[:12]}..., expected "
            f"{expected[:12]}...; {hint}"
        )


def _format(value: object) -> str:
    names = {None: "the default", True: "yes", False: "no"}
    return names[value] if value is None or isinstance(value, bool) else str(value)
