"""The progress of a job as text: rate, remaining time and workers, and failures on a second line."""

from __future__ import annotations

import time
from collections import deque

from posedeploy.printable import counted
from posedeploy.scaling.job_folder import ShardRecord

RECENT = 32
"""The number of recent shards that determine the rate and the number of workers."""


class Progress:
    """The progress of a job."""

    def __init__(self, total: int | None, done: int, unit: str = "image") -> None:
        """
        Args:
            total: the number of images or frames; None if unknown.
            done: the number of those in shards that an earlier run finished.
            unit: ``image`` or ``frame``.
        """
        self._total = total
        self._done = done
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
            parts.append(f"{rate:.1f}/s")
            if self._total is not None and rate > 0:
                parts.append(f"{_format_time(max(0, self._total - self._done) / rate)} left")
            parts.append(counted(workers, "worker"))
        failures = []
        if self._unusable:
            failures.append(f"{counted(self._unusable, self._unit)} not used")
        if self._lost:
            failures.append(counted(self._lost, "lost worker"))
        return "\n".join(", ".join(line) for line in (parts, failures) if line)


def _format_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
