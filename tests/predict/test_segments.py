"""Segments of videos: together they have the frames of a read from the start."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from posedeploy.predict.frames import Frame
from posedeploy.predict.sources import open_source
from tests.predict.videos import make_video

Described: TypeAlias = list[tuple[str, int, str]]
X264 = {"g": "6", "keyint_min": "6", "sc_threshold": "0"}
VARIABLE = [0, 3, 4, 9, 40, 41, 42, 60, 61, 70, 71, 72, 90, 95, 96, 97, 110, 120, 130, 200]


def _describe(frames: Sequence[Frame]) -> Described:
    return [(frame.name, frame.index, hashlib.sha256(frame.image).hexdigest()[:12]) for frame in frames]


def _read_twice(
    path: Path | str, min_frames: int, fps: float | None = None
) -> tuple[int, Described, Described]:
    """Return the number of segments, the frames of the whole source, and those of its segments."""
    with open_source(str(path), fps) as source:
        whole = _describe(list(source))
        segments = source.split(min_frames)
    with open_source(str(path), fps) as source:
        return (
            len(segments),
            whole,
            [each for part in segments for each in _describe(list(source.read(part)))],
        )


QUICK = [
    ("a.mp4", {"encoder": {**X264, "bf": "3", "x264-params": "open-gop=1"}}, 4),
    ("a.mp4", {"encoder": X264, "stamps": VARIABLE, "time_base": Fraction(1, 100)}, 4),
    ("a.avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}, 7),
    ("a.h264", {"encoder": X264}, 1),
]
SLOW = [
    ("a.mp4", {"encoder": {**X264, "bf": "0"}}, 4),
    ("a.mp4", {"encoder": {**X264, "bf": "3"}}, 4),
    ("a.mkv", {"encoder": {**X264, "bf": "3", "x264-params": "open-gop=1"}}, 4),
    ("a.ts", {"encoder": {**X264, "bf": "2"}}, 4),
    ("a.ts", {"encoder": {**X264, "bf": "3", "x264-params": "open-gop=1"}}, 4),
    ("a.mp4", {"encoder": {"g": "1"}}, 7),
    ("a.mp4", {"encoder": {"g": "250"}}, 1),
    ("a.mp4", {"encoder": X264, "rotation": 90}, 4),
    ("a.mp4", {"encoder": X264, "sound": "aac"}, 4),
    ("a.mpg", {"codec": "mpeg2video", "encoder": {"g": "6", "bf": "2"}}, 4),
    ("a.mp4", {"codec": "mpeg4", "encoder": {"g": "6", "bf": "2"}}, 4),
    ("a.avi", {"codec": "mpeg4", "encoder": {"g": "6", "bf": "2"}}, 4),
    ("a.webm", {"codec": "libvpx", "encoder": {"g": "6", "keyint_min": "6"}}, 4),
    ("a.gif", {"codec": "gif", "pix_fmt": "rgb8"}, 1),
]


@pytest.mark.parametrize(
    ("name", "video", "count"),
    [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)],
)
def test_the_segments_of_a_video_have_its_frames(
    tmp_path: Path, name: str, video: dict[str, Any], count: int
) -> None:
    segments, whole, joined = _read_twice(make_video(tmp_path / name, **video), 3)
    assert len(whole) == 20 and joined == whole
    assert segments == count
