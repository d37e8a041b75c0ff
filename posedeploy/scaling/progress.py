"""The progress of a job as text: rate, remaining time, workers and failures."""

from __future__ import annotations

import time
from collections import deque

from posedeploy.printable import counted
from posedeploy.scaling.job_folder import ShardRecord

RECENT = 32
"""The number of recent shards that determine the rate and the number of workers."""


class Progress:
    """The progress of a job."""

    def __init__(self, total: int | None, done: int, dashboard: str | None, unit: str = "image") -> None:
        """
        Args:
            total, done: images or frames; ``done`` are those of the shards that an earlier run finished.
                The total is None if it is unknown.
            dashboard: the URL of Ray's dashboard. unit: ``image`` or ``frame``.
        """
        self._total = total
        self._done = done
        self._dashboard = dashboard
        self._unit = unit
        self._recent: deque[tuple[float, int, tuple[str, int]]] = deque(
            [(time.monotonic(), 0, ("", 0))], RECENT
        )
        self._lost = 0
        self._unusable = 0

    def add(self, record: ShardRecord) -> None:
        """Add a finished shard."""
        self._done += record.images
        self._lost += record.attempts - 1
        self._unusable += len(record.problems)
        self._recent.append((time.monotonic(), record.images, (record.node, record.worker)))

    @property
    def share(self) -> float | None:
        """The share of the images that are done; None if it is unknown."""
        return None if self._total is None else min(1.0, self._done / max(1, self._total))

    def __str__(self) -> str:
        images = counted(self._done if self._total is None else self._total, self._unit)
        parts = [images if self._total is None else f"{self._done} of {images}"]
        first, *later = self._recent
        if later:
            rate = sum(images for _, images, _ in later) / max(later[-1][0] - first[0], 1e-9)
            workers = len({worker for _, _, worker in later})
            parts.append(f"{rate:.1f} {self._unit}s/s")
            if self._total is not None and rate > 0:
                parts.append(f"{_format_time(max(0, self._total - self._done) / rate)} left")
            parts.append(counted(workers, "worker"))
        if self._unusable:
            parts.append(f"{counted(self._unusable, 'image')} not used")
        if self._lost:
            parts.append(counted(self._lost, "lost worker"))
        if self._dashboard:
            parts.append(self._dashboard)
        return ", ".join(parts)


def _format_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
