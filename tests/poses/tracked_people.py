"""People of five keypoints for the tests of the tracker, and a scalar one-euro filter."""

from __future__ import annotations

import math

import numpy as np

from posedeploy.poses.tracking import ID_AFTER_FRAMES, MAX_GAP_S, Tracker
from posedeploy.types import Poses
from tests.poses.helpers import some_poses

SIGMAS = (0.05,) * 5
SHAPE = np.array([(0.0, 0), (100, 0), (0, 200), (100, 200), (50, 100)])


def people(*origins, scores=None, **more) -> Poses:
    return some_poses([SHAPE + origin for origin in origins], scores, **more)


class ScalarFilter:
    """The filter of the paper for one number."""

    def __init__(self, frequency: float, beta: float) -> None:
        self.frequency, self.beta = frequency, beta
        self.raw = self.smooth = None
        self.speed = 0.0

    def share(self, cutoff: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff) * self.frequency)

    def __call__(self, value: float, elapsed_s: float | None = None) -> float:
        if self.raw is None:
            self.raw = self.smooth = value
            return value
        if elapsed_s is not None:
            self.frequency = 1 / elapsed_s
        share = self.share(1.0)
        self.speed = share * (value - self.raw) * self.frequency + (1 - share) * self.speed
        share = self.share(1.0 + self.beta * abs(self.speed))
        self.raw, self.smooth = value, share * value + (1 - share) * self.smooth
        return self.smooth


NOBODY = Poses(np.zeros((0, 5, 3)), np.zeros(0))


def default_tracker() -> Tracker:
    """Return a tracker with the settings of ``predict``."""
    return Tracker(SIGMAS, id_after_frames=ID_AFTER_FRAMES, max_gap_s=MAX_GAP_S)
