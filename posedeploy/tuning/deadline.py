"""The time limit of a search."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic


class Deadline:
    """A time limit on a clock that only runs forwards, so a change of the system time has no effect."""

    def __init__(self, limit_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._limit_s, self._clock = limit_s, clock
        self._start = clock()

    @property
    def elapsed_s(self) -> float:
        """The time since the start."""
        return self._clock() - self._start

    @property
    def remaining_s(self) -> float:
        """The time that is left, at least 0."""
        return max(0.0, self._limit_s - self.elapsed_s)

    @property
    def elapsed_share(self) -> float:
        """The time since the start, relative to the limit."""
        return self.elapsed_s / self._limit_s

    def has_passed(self, share: float = 1.0, ahead_s: float = 0.0) -> bool:
        """Return whether this share of the time is over, or will be ``ahead_s`` seconds from now."""
        return self.elapsed_s + ahead_s >= share * self._limit_s
