"""Read video files with PyAV: every frame with its own time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import av

from posedeploy.errors import InputError
from posedeploy.predict.animation_headers import is_animated_png
from posedeploy.predict.demuxing import DECODER_OPTIONS, HDR_TRANSFERS, DemuxedVideo
from posedeploy.predict.frames import Frame, Kind, Source
from posedeploy.predict.images import SUFFIXES
from posedeploy.predict.segments import Segment
from posedeploy.predict.sound import Sound
from posedeploy.predict.timeline import Timeline
from posedeploy.predict.truncation import has_movie_header, missing_bytes
from posedeploy.predict.video_segments import decode_segment, split_at_keyframes
from posedeploy.printable import counted, printable


class VideoReader(Source):
    """A video file. A truncated or damaged one is reported in ``problems``."""

    kind: Kind = "video"

    def __init__(self, path: Path, fps: float | None = None) -> None:
        """
        Args:
            fps: frames per second of a format without time stamps, such as raw MJPEG or H.264.

        Raises:
            InputError: the file is not a video, or has time stamps while ``fps`` is not None.
        """
        shown = printable(str(path))
        self._path, self._shown = path, shown
        self._demuxed = self._open()
        super().__init__(path.name, (path,), self._demuxed.expected_packets)
        self.time_base = self._demuxed.time_base
        self.fps = self._choose_fps(fps)
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
                self.remarks += _color_remarks(frame)
                self.pixel_aspect = self._demuxed.pixel_aspect_of(frame)
            yield self._demuxed.frame_of(frame, self.name, done, time_s)
            done += 1
            self.fps = self._measured_fps(done, time_s - first_s)
        if not done:
            raise InputError(f"{self._shown}: no frame can be decoded: the file is damaged or truncated")
        if self.sound is not None:
            self.sound.is_complete = True
        self._report(done)

    def split(self, min_frames: int) -> Sequence[Segment]:
        with self._open() as video:
            return split_at_keyframes(video, min_frames)

    def read(self, segment: Segment) -> Iterator[Frame]:
        decoded = decode_segment(self._open, segment)
        with suppress(av.FFmpegError):  # the reader of the whole video reports it
            for index, (video, frame) in enumerate(decoded, segment.first):
                time_s = index / self.fps if frame.pts is None else float(frame.pts * self.time_base)
                yield video.frame_of(frame, self.name, index, time_s)

    def _open(self) -> DemuxedVideo:
        return _open(self._path, self._shown)

    def _choose_fps(self, fps: float | None) -> float:
        if fps is None:
            if not self._demuxed.has_stamps:
                self.remarks.append(
                    f"{self.name}: {self._demuxed.container.format.name} has no time stamps, so "
                    f"{self._demuxed.fps:g} frames per second are assumed; set another rate with `fps`"
                )
            return self._demuxed.fps
        if self._demuxed.has_stamps:
            self.close()
            raise InputError(f"`fps={fps:g}`: {self.name} has its own time stamps; leave `fps` out")
        return fps

    def _decoded(self) -> Iterator[av.VideoFrame]:
        timeline = self._timeline
        sound = self.sound if self.sound is not None and self.sound.is_wanted else None
        add = (lambda packet: sound.add(packet, timeline.known_shift_s)) if sound else None
        try:
            yield from self._demuxed.frames(add)
        except av.FFmpegError as error:
            if isinstance(error, av.InvalidDataError) and not self._demuxed.has_stamps:
                return  # data after the last part of a multipart file
            self.problems.append(f"{self._shown}: reading stopped: {error.strerror}")

    def _measured_fps(self, done: int, seconds: float) -> float:
        """Return the rate of the file if the times confirm it, otherwise the mean rate."""
        measured = (done - 1) / seconds if seconds > 0 else self.fps
        return self.fps if abs(measured - self.fps) * seconds <= 1.5 else measured

    def _report(self, done: int) -> None:
        if missing_bytes(self._path):
            of = f" of {self.total}" if self.total and self.total > done else ""
            self.problems.append(
                f"{self._shown}: decoding ended at frame {done}{of}: the file is damaged or truncated; the "
                f"results hold {counted(done, 'frame')}"
            )
        elif self._demuxed.damaged:
            self.problems.append(
                f"{self._shown}: {counted(self._demuxed.damaged, 'frame')} damaged: left out, or decoded "
                "with errors; copy the file again"
            )
        if self._timeline.resets:
            self.remarks.append(
                f"{self.name}: its time stamps jump {self._timeline.resets} times; the jumps are removed"
            )


def _open(path: Path, shown: str) -> DemuxedVideo:
    try:
        # Without the protocol, FFmpeg would parse a colon in the file name as the end of one.
        # It recognizes an animated PNG only if the animation is declared in the first bytes.
        form = "apng" if is_animated_png(path) else None
        container = av.open(f"file:{path}", format=form, options=DECODER_OPTIONS, metadata_errors="replace")
    except av.FFmpegError as error:
        if isinstance(error, (av.PermissionError, av.IsADirectoryError)):
            raise InputError(f"{shown}: cannot be read ({error.strerror}); pass a readable file") from error
        if not has_movie_header(path):
            raise InputError(
                f"{shown}: the video is truncated: its index (moov), which cameras write last, is missing; "
                "copy the file again, or repair it with an intact video of the same camera"
            ) from error
        raise InputError(
            f"{shown}: not an image or a video that FFmpeg reads, or damaged; expected a video such as .mp4 "
            f"or .webm, or an image: {', '.join(SUFFIXES)}"
        ) from error
    return DemuxedVideo(container, shown)


def _color_remarks(frame: av.VideoFrame) -> list[str]:
    transfer = HDR_TRANSFERS.get(frame.color_trc)
    if transfer is None:
        return []
    return [f"the video is HDR ({transfer}) and is read without tone mapping: its colors are pale"]
