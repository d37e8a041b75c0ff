"""Read network streams with PyAV, with reconnection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import av

from posedeploy.errors import InputError
from posedeploy.predict.demuxing import DECODER_OPTIONS, DemuxedVideo
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.sound import Sound
from posedeploy.predict.timeline import Timeline
from posedeploy.predict.urls import file_name_of, hide_password

TIMEOUT_S = 10.0
"""Time limit for a connection, and for each read without data."""
RECONNECTS = 5
FIRST_WAIT_S = 0.5
"""Delay before the first reconnection; it doubles with each further attempt."""
CLOSED = "the server closed it"
STEADY_S = 60.0
"""Duration after which a connection is stable and the number of attempts is reset."""

OPTIONS = {
    "rtsp": {"rtsp_flags": "prefer_tcp"},
    "rtsps": {"rtsp_flags": "prefer_tcp"},
    "http": {"reconnect": "1", "reconnect_delay_max": "4"},
    "https": {"reconnect": "1", "reconnect_delay_max": "4"},
}
"""FFmpeg's options by scheme. RTSP over UDP loses packets. HTTP downloads are resumed if the server can."""
WITHOUT_STAMPS = {"mpjpeg", "mjpeg"}
"""Formats whose frames are shown when they arrive."""


class StreamReader(Source):
    """A URL as a source: an endless stream, or a video file on a server."""

    def __init__(self, url: str, *, reconnects: int = RECONNECTS, first_wait_s: float = FIRST_WAIT_S) -> None:
        """
        Raises:
            InputError: the server does not respond, or sends no video.
        """
        self._url, self._reconnects, self._first_wait_s = url, reconnects, first_wait_s
        shown = hide_password(url)
        self._demuxed = _connect(url, shown)
        container = self._demuxed.container
        self._is_file = container.duration is not None or container.size > 0
        self._has_stamps = self._demuxed.has_stamps and container.format.name not in WITHOUT_STAMPS
        self.kind = "video" if self._is_file else "stream"
        super().__init__(shown, (), self._demuxed.expected_packets if self._is_file else None)
        self.fps = self._demuxed.fps
        if self._has_stamps:
            self.time_base = self._demuxed.time_base
        if self._demuxed.sound is not None:
            self.sound = Sound(self._demuxed.sound)
        self._timeline = self._new_timeline()
        self._left = reconnects
        self._last_s = -1.0

    @property
    def file_name(self) -> str:
        return file_name_of(self._url)

    def close(self) -> None:
        self._demuxed.close()

    def __iter__(self) -> Iterator[Frame]:
        done, first_s, began = 0, 0.0, time.monotonic()
        while True:
            connected = time.monotonic()
            for frame in self._decoded():
                time_s = self._time_of(frame, began)
                if time_s <= self._last_s:  # already processed before the file was reopened
                    continue
                first_s = first_s if done else time_s
                if not done:
                    self.pixel_aspect = self._demuxed.pixel_aspect_of(frame)
                self._last_s = time_s
                yield self._demuxed.frame_of(frame, self.name, done, time_s)
                done += 1
                self.fps = (done - 1) / (time_s - first_s) if time_s > first_s else self.fps
            if time.monotonic() - connected > STEADY_S:
                self._left = self._reconnects
            if self._is_complete() or not self._reconnect(done):
                break
        if self.sound is not None:
            self.sound.is_complete = True

    def _decoded(self) -> Iterator[av.VideoFrame]:
        timeline = self._timeline
        sound = self.sound if self.sound is not None and self.sound.is_wanted else None
        add = (lambda packet: sound.add(packet, timeline.known_shift_s)) if sound else None
        self._reason = CLOSED
        try:
            yield from self._demuxed.frames(add)
        except av.FFmpegError as error:
            self._reason = _reason(error)

    def _time_of(self, frame: av.VideoFrame, began: float) -> float:
        return self._timeline.at(frame.pts) if self._has_stamps else time.monotonic() - began

    def _is_complete(self) -> bool:
        """Return whether a file was read to its end; a stream never ends."""
        return self._is_file and self._reason == CLOSED

    def _reconnect(self, done: int) -> bool:
        lost, lost_at_s, reason = time.monotonic(), max(self._last_s, 0.0), self._reason
        self._demuxed.close()
        while self._left:
            time.sleep(self._first_wait_s * 2 ** (self._reconnects - self._left))
            self._left -= 1
            try:
                self._demuxed = _connect(self._url, self.name)
            except InputError as error:
                reason = str(error).removeprefix(f"{self.name}: ").partition(";")[0]
                continue
            outage_s = time.monotonic() - lost
            self.remarks.append(
                f"{self.name}: the connection was lost after {lost_at_s:.1f} s ({self._reason}) and restored "
                f"{outage_s:.1f} s later"
            )
            if self._is_file:
                self._timeline = self._new_timeline()
            else:
                self._timeline.continue_at(lost_at_s + outage_s)
            return True
        self.problems.append(
            f"{self.name}: the connection was lost after {lost_at_s:.1f} s and not restored in "
            f"{self._reconnects} attempts ({reason}); the results hold the {done} frames before"
        )
        return False

    def _new_timeline(self) -> Timeline:
        from_first = self._demuxed.counts_from_first or not self._is_file
        return Timeline(self.time_base, 1 / self.fps, from_first)


def _connect(url: str, shown: str) -> DemuxedVideo:
    options = DECODER_OPTIONS | OPTIONS.get(urlsplit(url).scheme.lower(), {})
    try:
        container = av.open(url, options=options, timeout=TIMEOUT_S, metadata_errors="replace")
    except av.FFmpegError as error:
        raise InputError(
            f"{shown}: {_reason(error)}; check the URL, and that the server sends a video"
        ) from error
    if container.format.name == "image2" or container.format.name.endswith("_pipe"):
        container.close()
        raise InputError(f"{shown}: the server sends a single image; download it and pass the file")
    return DemuxedVideo(container, shown)


def _reason(error: av.FFmpegError) -> str:
    if isinstance(error, av.ExitError):
        return f"no data for {TIMEOUT_S:g} s"
    if isinstance(error, av.InvalidDataError):
        return "the data are not a video, or are damaged"
    return error.strerror or str(error)
