"""The content of a job: a list of images, or the segments of a video."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from posedeploy import files
from posedeploy.errors import InputError
from posedeploy.predict.image_files import Images
from posedeploy.predict.joint_files.joint_source import JointsOptions
from posedeploy.predict.segments import Segment
from posedeploy.predict.sources import CAMERA, is_camera_number
from posedeploy.predict.urls import SCHEMES, hide_password, scheme_of
from posedeploy.scaling.image_list import ImageList, is_image_list, list_images, list_opened_images
from posedeploy.scaling.shard_job import ShardJob, open_job_frames

LIVE_SCHEMES = frozenset(SCHEMES) - {"http", "https"}
"""The URL schemes of streams."""


@dataclass(frozen=True)
class FrameList:
    """A video, or another source whose frames are processed in order.

    total: the expected number of frames; None if unknown. sha256: of its files. is_single: it has one frame.
    Its remarks, problems and skipped files are reported when the shards are joined.
    """

    name: str
    segments: Sequence[Segment]
    total: int | None
    sha256: str
    is_single: bool


def open_job_source(job: ShardJob, shard_size: int) -> ImageList | FrameList:
    """Return the images or the frames of a source.

    Raises:
        InputError: the source cannot be used, or is a camera or a stream.
    """
    settings = job.settings
    if _is_live(job.source):
        raise InputError(
            f"{hide_password(job.source)}: a camera or a stream cannot be read twice, which `ray` needs; "
            "record it as a video, or leave out `ray`"
        )
    has_joints = settings.joints != JointsOptions()  # a .txt file of joints, not a list of paths
    if is_image_list(job.source) and not has_joints:
        if settings.fps is not None:
            raise InputError(
                f"`fps={settings.fps:g}`: the images of a list or of object storage are not a video; leave "
                "out `fps`, or pass a folder or a pattern"
            )
        return list_images(job.source, recursive=settings.recursive)
    with open_job_frames(job, is_worker=False) as source:
        if isinstance(source, Images):
            return list_opened_images(source, is_file=Path(job.location).is_file())
        segments = source.split(shard_size)
        counts = [segment.frames for segment in segments]
        total = source.total if None in counts else sum(filter(None, counts))
        return FrameList(source.name, segments, total, hash_files(source.inputs), source.total == 1)


def _is_live(source: str) -> bool:
    is_camera = is_camera_number(source) or CAMERA.fullmatch(source) is not None
    is_stored = Path(source).is_file() or Path(source).is_dir()
    return scheme_of(source) in LIVE_SCHEMES or (is_camera and not is_stored)


def check_source(job: ShardJob, sha256: str) -> None:
    """Check that the files of a video are those of the job.

    Raises:
        InputError: they have changed, or cannot be read.
    """
    with open_job_frames(job, is_worker=False) as source:
        digest = hash_files(source.inputs)
    if digest != sha256:
        raise InputError(
            f"{source.name}: changed since the job in {job.folder} was started: its SHA-256 is "
            f"{digest[:12]}..., expected {sha256[:12]}...; use the same file, or another folder "
            "without `resume`"
        )


def hash_files(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of a file, or of the names and hashes of several.

    Raises:
        InputError: one cannot be read.
    """
    hashes: list[tuple[str, str]] = []
    for path in paths:
        try:
            hashes.append((path.name, files.sha256(path)))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); pass a readable file") from error
    if len(hashes) == 1:
        return hashes[0][1]
    return hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in hashes).encode()).hexdigest()
