"""Convert a video's time stamps to strictly increasing seconds from its start."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

MAX_GAP_S = 3600.0
"""A larger jump forward means that the clock was reset, not that there was a pause."""
MAX_STEP_BACK_S = 1.0
"""A larger step back means that the clock was reset, not that frames are in the wrong order."""


@dataclass
class Timeline:
    """The times of frames in seconds, in order.

    time_base: seconds per tick of the stamps. interval_s: the time between two frames without stamps.
    counts_from_first: the first frame is at 0, as the clock of the format starts at an arbitrary time.
    shift_s: the seconds currently added to a stamp, also for the sound. resets: the number of clock resets.
    """

    time_base: Fraction
    interval_s: float
    counts_from_first: bool = False
    last_s: float | None = None
    shift_s: float = 0.0
    resets: int = 0

    def at(self, stamp: int | None) -> float:
        """Return the seconds of the next frame, whose stamp is in ticks, or None."""
        time_s = None if stamp is None else float(stamp * self.time_base) + self.shift_s
        self.last_s = self._first(time_s) if self.last_s is None else self._next(time_s, self.last_s)
        return self.last_s

    def continue_at(self, time_s: float) -> None:
        """Place the next frame at ``time_s``, whatever its stamp, after a reconnection."""
        self.last_s, self.shift_s, self.counts_from_first = None, 0.0, True
        self._start_s = time_s

    _start_s: float = 0.0

    @property
    def known_shift_s(self) -> float | None:
        """``shift_s``; None before the first frame."""
        return None if self.last_s is None else self.shift_s

    def _first(self, time_s: float | None) -> float:
        if time_s is None:
            return self._start_s
        if self.counts_from_first or time_s < 0:
            self.shift_s += self._start_s - time_s
            return self._start_s
        return time_s

    def _next(self, time_s: float | None, last_s: float) -> float:
        if time_s is None:
            return last_s + self.interval_s
        if last_s < time_s <= last_s + MAX_GAP_S:
            return time_s
        if last_s - MAX_STEP_BACK_S <= time_s <= last_s:
            return last_s + float(self.time_base)
        self.resets += 1
        self.shift_s += last_s + self.interval_s - time_s
        return last_s + self.interval_s
