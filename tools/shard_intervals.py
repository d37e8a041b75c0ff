"""The intervals in which the shards of a finished job were computed, and the rate of the job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posedeploy.scaling.job_folder import ShardRecord


@dataclass(frozen=True)
class Interval:
    """The interval in which a worker computed a shard. start, end: Unix time, in s."""

    start: float
    end: float
    images: int
    worker: int


def find_intervals(folder: Path, shards: Sequence[ShardRecord]) -> list[Interval]:
    """Return the interval of each shard, in order of the end, which is the modification time of its file."""
    ends = [(folder / shard.file).stat().st_mtime for shard in shards]
    intervals = [
        Interval(end - shard.seconds, end, shard.images, shard.worker)
        for end, shard in zip(ends, shards, strict=True)
    ]
    return sorted(intervals, key=lambda interval: interval.end)


def measure_rate(intervals: Sequence[Interval]) -> float:
    """Return the images per second from the moment when all workers compute until the last shard is finished.

    Of a shard that a worker started before that moment, only the share after it counts. The time at the end
    counts fully, although some workers are then idle.
    """
    first: dict[int, float] = {}
    for each in intervals:
        first[each.worker] = min(each.start, first.get(each.worker, each.start))
    ready, end = max(first.values()), max(each.end for each in intervals)
    images = sum(
        each.images * max(0.0, each.end - max(each.start, ready)) / (each.end - each.start)
        for each in intervals
    )
    return images / (end - ready)
