"""Segments of a video, which can be read separately."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec


class KeyPacket(msgspec.Struct, frozen=True):
    """A packet of a video at which decoding can start.

    pts, dts: its time stamps in ticks. position: in the file, in bytes; None if the format has none. size: in
    bytes.
    """

    pts: int
    dts: int | None
    position: int | None
    size: int


class Segment(msgspec.Struct, frozen=True):
    """A part of a video.

    first: the index of its first frame. frames: the expected number of frames; None if unknown. Both are
    exact if the video is intact. start: the packet at which decoding starts; None for the start of
    the video, and for images. end_pts: the time stamp of the first frame after the segment; None for the end.
    """

    first: int = 0
    frames: int | None = None
    start: KeyPacket | None = None
    end_pts: int | None = None


def split_evenly(frames: int, min_frames: int) -> list[Segment]:
    """Return segments of a source whose frames can be read in any order."""
    return [Segment(first, min(min_frames, frames - first)) for first in range(0, frames, min_frames)]


def split_at(keys: Sequence[KeyPacket], stamps: Sequence[int], min_frames: int) -> list[Segment]:
    """Return segments of at least ``min_frames``, except the last one.

    Args:
        keys: the packets at which a segment may start, in order; the first segment starts at the start of
            the video.
        stamps: the time stamps of all frames, in any order.
    """
    ordered = sorted(stamps)
    starts: list[tuple[int, KeyPacket | None]] = [(0, None)]
    for key in keys:
        first = bisect_left(ordered, key.pts)
        if first - starts[-1][0] >= min_frames:
            starts.append((first, key))
    ends = [*starts[1:], (len(ordered), None)]
    return [
        Segment(first, end - first, key, None if next_key is None else next_key.pts)
        for (first, key), (end, next_key) in zip(starts, ends, strict=True)
    ]
