"""Video files as PyAV reads them: every frame with its own time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av

from posedeploy.errors import InputError
from posedeploy.predict.demuxing import DECODER_OPTIONS, HDR_TRANSFERS, Demuxed
from posedeploy.predict.frames import Frame, Kind, Source
from posedeploy.predict.images import SUFFIXES
from posedeploy.predict.sound import Sound
from posedeploy.predict.timeline import Timeline
from posedeploy.predict.truncation import has_movie_header, missing_bytes
from posedeploy.printable import counted, printable


class VideoReader(Source):
    """A video file. One that is cut off or damaged goes into ``problems``."""

    kind: Kind = "video"

    def __init__(self, path: Path, fps: float | None = None) -> None:
        """
        Args:
            fps: frames per second of a format that has no time stamps, such as raw MJPEG or H.264.

        Raises:
            InputError: it is no video, or one that has time stamps and ``fps`` is given.
        """
        shown = printable(str(path))
        self._demuxed = _opened(path, shown)
        self._path, self._shown = path, shown
        super().__init__(path.name, (path,), self._demuxed.expected_packets)
        self.time_base = self._demuxed.time_base
        self.fps = self._checked_fps(fps)
        if self._demuxed.sound is not None:
            self.sound = Sound(self._demuxed.sound)
        self._timeline = Timeline(self.time_base, 1 / self.fps, self._demuxed.counts_from_first)

    def close(self) -> None:
        self._demuxed.close()

    def __iter__(self) -> Iterator[Frame]:
        done, first_s = 0, 0.0
        for frame in self._decoded():
            time_s = self._timeline.at(frame.pts) if self._demuxed.has_stamps else done / self.fps
            first_s = first_s if done else time_s
            if not done:
                self.remarks += _of_the_colors(frame)
            yield Frame(self.name, self._demuxed.image_of(frame), done, time_s)
            done += 1
            self.fps = self._measured_fps(done, time_s - first_s)
        if not done:
            raise InputError(f"{self._shown}: no frame can be decoded; the video is damaged or cut off")
        if self.sound is not None:
            self.sound.is_complete = True
        self._report(done)

    def _checked_fps(self, fps: float | None) -> float:
        if fps is None:
            if not self._demuxed.has_stamps:
                self.remarks.append(
                    f"{self.name}: {self._demuxed.container.format.name} has no time stamps, so "
                    f"{self._demuxed.fps:g} frames per second are assumed; `fps` sets another rate"
                )
            return self._demuxed.fps
        if self._demuxed.has_stamps:
            self.close()
            raise InputError(
                f"`fps={fps:g}`: {self.name} has time stamps of its own, which are used; leave `fps` out"
            )
        return fps

    def _decoded(self) -> Iterator[av.VideoFrame]:
        timeline = self._timeline
        sound = self.sound if self.sound is not None and self.sound.is_wanted else None
        add = (lambda packet: sound.add(packet, timeline.known_shift_s)) if sound else None
        try:
            yield from self._demuxed.frames(add)
        except av.FFmpegError as error:
            if isinstance(error, av.InvalidDataError) and not self._demuxed.has_stamps:
                return  # what stands after the last part of a multipart file
            self.problems.append(f"{self._shown}: reading stopped: {error.strerror}")

    def _measured_fps(self, done: int, seconds: float) -> float:
        """The rate of the file where it holds, and otherwise the mean one."""
        measured = (done - 1) / seconds if seconds > 0 else self.fps
        return self.fps if abs(measured - self.fps) * seconds <= 1.5 else measured

    def _report(self, done: int) -> None:
        if missing_bytes(self._path):
            of = f" of {self.total}" if self.total and self.total > done else ""
            self.problems.append(
                f"{self._shown}: ended at frame {done}{of}; the file is damaged or cut off, and the results "
                f"hold {counted(done, 'frame')}"
            )
        elif self._demuxed.damaged:
            self.problems.append(
                f"{self._shown}: {counted(self._demuxed.damaged, 'frame')} damaged: left out, or decoded "
                "with errors; copy the file again"
            )
        if self._timeline.resets:
            self.remarks.append(
                f"{self.name}: its time stamps jump {self._timeline.resets} times; the time goes on there"
            )


def _opened(path: Path, shown: str) -> Demuxed:
    try:
        # The protocol is named, or a colon in the file's name would be taken for the end of one.
        container = av.open(f"file:{path}", options=DECODER_OPTIONS, metadata_errors="replace")
    except av.FFmpegError as error:
        if isinstance(error, (av.PermissionError, av.IsADirectoryError)):
            raise InputError(f"{shown}: cannot be read ({error.strerror}); name a file that can") from error
        if not has_movie_header(path):
            raise InputError(
                f"{shown}: the video is cut off: its table of frames (moov) is missing, which cameras write "
                "last; copy the file again, or repair it with a whole one of the same camera"
            ) from error
        raise InputError(
            f"{shown}: not an image or a video that can be read, or a damaged one; wanted a video such as "
            f".mp4 or .webm, or an image: {', '.join(SUFFIXES)}"
        ) from error
    return Demuxed(container, shown)


def _of_the_colors(frame: av.VideoFrame) -> list[str]:
    transfer = HDR_TRANSFERS.get(frame.color_trc)
    if transfer is None:
        return []
    return [f"the video is HDR ({transfer}), and is read without tone mapping: its colors are pale"]
