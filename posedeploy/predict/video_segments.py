"""Split a video at its keyframes, and decode a segment to the same frames as a read from the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, TypeAlias

import av

from posedeploy.predict.demuxing import DemuxedVideo
from posedeploy.predict.segments import KeyPacket, Segment, split_at

OpenVideo: TypeAlias = Callable[[], DemuxedVideo]
Packets: TypeAlias = "Iterator[av.Packet[Any]]"


def split_at_keyframes(video: DemuxedVideo, min_frames: int) -> list[Segment]:
    """Return the segments of a video, from its packets; nothing is decoded.

    A video without time stamps, or with one keyframe, is one segment. No segment starts at a keyframe whose
    time stamp is not the largest so far, as after a reset of the clock.

    Args:
        video: has not been read yet. min_frames: the minimum length of each segment, except the last one.
    """
    keys: list[KeyPacket] = []
    stamps: list[int] = []
    latest: int | None = None
    try:
        for packet in video.picture_packets():
            if not packet.size:
                continue
            if packet.pts is None or not video.has_stamps:
                return [Segment()]
            if packet.is_keyframe and latest is not None and packet.pts > latest:
                keys.append(_key_of(packet))
            if not packet.is_discard:
                stamps.append(packet.pts)
            latest = packet.pts if latest is None else max(latest, packet.pts)
    except av.FFmpegError:
        pass  # the last segment ends at the damage, which its reader reports
    return split_at(keys, stamps, min_frames)


def decode_segment(open_video: OpenVideo, segment: Segment) -> Iterator[tuple[DemuxedVideo, av.VideoFrame]]:
    """Decode the frames of a segment in order, each with its open video.

    With an open GOP, frames that are displayed before a keyframe can follow it in the file, and refer to it.
    They belong to the segment before the keyframe. So decoding continues after the keyframe of the next
    segment until a frame of that segment appears, and frames before the first keyframe are skipped.

    Raises:
        InputError: the video cannot be opened.
        av.FFmpegError: reading failed.
    """
    for find_start in (_seek, _skip):
        with open_video() as video:
            packets = find_start(video, segment.start)
            if packets is not None:
                yield from ((video, frame) for frame in _frames_of(video.decode(packets), segment))
                return


def _frames_of(frames: Iterator[av.VideoFrame], segment: Segment) -> Iterator[av.VideoFrame]:
    for frame in frames:
        if frame.pts is not None:
            if segment.start is not None and frame.pts < segment.start.pts:
                continue
            if segment.end_pts is not None and frame.pts >= segment.end_pts:
                return
        yield frame


def _seek(video: DemuxedVideo, start: KeyPacket | None) -> Packets | None:
    """Return the packets from a start on, after a seek; None if the seek does not find the start."""
    try:
        if start is not None:
            target = start.pts if start.dts is None else start.dts
            video.container.seek(target, stream=video.picture, backward=True)
        return _skip(video, start)
    except av.FFmpegError:
        return None


def _skip(video: DemuxedVideo, start: KeyPacket | None) -> Packets | None:
    """Skip the packets before a start without decoding them, and return the others; None if there is no such
    start."""
    packets = video.picture_packets()
    if start is None:
        return packets
    for packet in packets:
        if packet.pts == start.pts and _key_of(packet) == start:
            return chain([packet], packets)
        if packet.dts is not None and start.dts is not None and packet.dts > start.dts:
            return None
    return None


def _key_of(packet: av.Packet[Any]) -> KeyPacket:
    assert packet.pts is not None, "checked by the caller"
    position = packet.pos if packet.pos is not None and packet.pos >= 0 else None
    return KeyPacket(packet.pts, packet.dts, position, packet.size)
