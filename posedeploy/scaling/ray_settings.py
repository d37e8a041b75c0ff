"""The settings of a job on Ray, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posedeploy.argument_types import check_fields
from posedeploy.errors import InputError
from posedeploy.predict.run import Prediction
from posedeploy.scaling.job_folder import ShardRecord

SHARD_SIZE = 256


@check_fields
@dataclass(frozen=True, kw_only=True)
class RaySettings:
    """The settings of a job on Ray.

    address: ``HOST:PORT`` of a cluster, ``auto`` for the cluster on this machine; ``local`` starts Ray
    on this machine. resume: continue the job in the output folder. shard_size: images in each shard, or
    the minimum number of frames in each segment of a video.
    workers: the number of workers; None starts with one and adds as many as fit on the cluster. poses_json:
    also write ``poses.json`` of all images; for a video, it is always written.
    """

    address: str = "local"
    resume: bool = False
    shard_size: int = SHARD_SIZE
    workers: int | None = None
    poses_json: bool = False

    def __post_init__(self) -> None:
        for name in ("shard_size", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}={value}`: expected at least 1")


@dataclass(frozen=True)
class ShardedPrediction:
    """The result of a job: all its finished shards.

    files: the report, the manifest, ``poses.json`` if it was requested, and the files of a video. problems:
    why images were not used, or shards are not finished; the command line exits with status 1 if there are
    any. remarks: messages on how images were processed. resumed_shards: the number of shards that an earlier
    run finished. joined: the result for a video.
    """

    files: tuple[Path, ...]
    shards: tuple[ShardRecord, ...]
    skipped: int
    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    resumed_shards: int = 0
    joined: Prediction | None = None

    @property
    def images(self) -> int:
        """The number of images or frames that were used."""
        if self.joined is not None:
            return self.joined.frames
        return sum(shard.images - len(shard.problems) for shard in self.shards)

    @property
    def people(self) -> int:
        """The number of people in them."""
        if self.joined is not None:
            return sum(self.joined.people)
        return sum(shard.people for shard in self.shards)
