"""Compare the time of decoding maps of eight people with that of a plain transcription of the published code.

``python tools/bench_decode.py`` checks that the results are equal, and then runs both in turn in one process.
The transcription returns people in cells of the upsampled map; posedeploy also computes px and, in 3D, mm.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.poses import lightweight_openpose_2d, lightweight_openpose_3d
from posedeploy.types import Camera, ModelSpec, Placement, Poses
from tests.support.naive_decode import Keypoint, Person, decode_2d, decode_3d
from tests.support.synthetic_maps import Maps, crowd
from tools.command_line import run_tool

ROUNDS = 60
PEOPLE = 8
CAMERA = Camera(fx=1000.0)


def ours(maps: Maps, family: str) -> Poses:
    """Return the poses in px of the network input."""
    module = {"2d": lightweight_openpose_2d, "3d": lightweight_openpose_3d}[family]
    height, width = maps.heatmaps.shape[1:]
    size = (8 * width, 8 * height)
    spec = ModelSpec(
        f"lightweight-openpose-{family}", "", (), (), roles={role: role for role in module.ROLES}
    )
    outputs = {role: getattr(maps, role)[None] for role in module.ROLES}
    poses: Poses = module.decode(outputs, spec, Placement(1.0, (0, 0), size, size), CAMERA)
    return poses


def as_keypoints(answer: tuple[list[Keypoint], list[Person]], family: str) -> np.ndarray:
    """Convert the result of the transcription to (people, keypoints, 3) in px of the network input."""
    keypoints, people = answer
    if family == "3d":
        people = [person for person in people if person.numbers[1] >= 0]
    order = lightweight_openpose_3d.PANOPTIC if family == "3d" else np.arange(18)
    array = np.full((len(people), 19 if family == "3d" else 18, 3), -1.0)
    for row, person in zip(array, people, strict=True):
        for kind, number in enumerate(person.numbers):
            if number >= 0:
                keypoint = keypoints[number]
                row[order[kind]] = (2 * keypoint.x, 2 * keypoint.y, keypoint.score)
    return array


def main() -> None:
    """Measure both networks and print a line for each."""
    print(f"{PEOPLE} people, maps of 32x57 cells, {ROUNDS} rounds, OpenCV with {cv2.getNumThreads()} threads")
    maps = crowd(PEOPLE, seed=3)
    for family, naive in (("2d", decode_2d), ("3d", decode_3d)):
        want, got = as_keypoints(naive(maps.heatmaps, maps.pafs), family), ours(maps, family).keypoints
        if want.shape != got.shape or not np.allclose(want, got, rtol=0, atol=1e-9):
            raise SystemExit(f"{family}: the two do not agree: {want.shape[0]} people and {got.shape[0]}")
        plain_s, fast_s = _interleaved(partial(naive, maps.heatmaps, maps.pafs), partial(ours, maps, family))
        print(
            f"{family}: {len(got)} people, transcription {plain_s * 1e3:.2f} ms, ours {fast_s * 1e3:.2f} ms, "
            f"ratio {fast_s / plain_s:.3f} (medians)"
        )


def _interleaved(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Return the median time of each in seconds."""
    times_s: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for run, record in ((first, times_s[0]), (second, times_s[1])):
            begin = time.perf_counter()
            run()
            record.append(time.perf_counter() - begin)
    return statistics.median(times_s[0]), statistics.median(times_s[1])


if __name__ == "__main__":
    run_tool(main)
