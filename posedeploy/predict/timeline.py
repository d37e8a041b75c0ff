"""Time stamps of a video become seconds from its start that only grow."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

MAX_GAP_S = 3600.0
"""A longer jump of the stamps is a clock that was set anew, and not a pause."""
MAX_STEP_BACK_S = 1.0
"""A longer step back likewise; within it, frames only stand in the wrong order."""


@dataclass
class Timeline:
    """The seconds of each frame, in order.

    time_base: seconds of one tick of the stamps. interval_s: between two frames where stamps are missing.
    counts_from_first: the format's clock starts anywhere, so the first frame is at 0; otherwise stamps are
    seconds of the video already. shift_s: what is added to a stamp now, for the sound to follow. resets: how
    often the clock was set anew.
    """

    time_base: Fraction
    interval_s: float
    counts_from_first: bool = False
    last_s: float | None = None
    shift_s: float = 0.0
    resets: int = 0

    def at(self, stamp: int | None) -> float:
        """Seconds of the next frame, whose stamp is in ticks, or missing."""
        time_s = None if stamp is None else float(stamp * self.time_base) + self.shift_s
        self.last_s = self._first(time_s) if self.last_s is None else self._next(time_s, self.last_s)
        return self.last_s

    def continue_at(self, time_s: float) -> None:
        """Take the next frame for one at ``time_s``, whatever its stamp: a connection was made again."""
        self.last_s, self.shift_s, self.counts_from_first = None, 0.0, True
        self._start_s = time_s

    _start_s: float = 0.0

    @property
    def known_shift_s(self) -> float | None:
        """``shift_s``, once there was a frame."""
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
