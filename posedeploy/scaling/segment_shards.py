"""The shards of a video: a worker detects the people in its segments."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

from posedeploy.errors import InputError
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.pose_predictor import PosePredictor, choose_predictor
from posedeploy.predict.segments import Segment
from posedeploy.scaling.frame_keys import choose_keys
from posedeploy.scaling.poses_table import ImageRow
from posedeploy.scaling.shard_job import ShardJob, open_job, open_job_frames
from posedeploy.types import Poses, RuntimeInfo

SEPARATOR = "\n"
"""The text between two remarks on one frame."""


class SegmentShards:
    """Computes the shards of a video, or of another source whose frames are processed in order.

    Tracking and smoothing need all frames, so they follow when the shards are joined.
    """

    def __init__(self, job: ShardJob, segments: Sequence[Segment], opened: ExitStack) -> None:
        """
        Args:
            opened: closes the models and the source.

        Raises:
            PoseDeployError: the source or a model cannot be opened on this machine.
        """
        self._source: Source = opened.enter_context(open_job_frames(job))
        runner, artifact, options = open_job(job, self._source, opened)
        options, self._key_of = choose_keys(options)
        self._predictor: PosePredictor = choose_predictor(runner, artifact, options)
        self._segments = segments
        self._has_mesh = options.faces is not None
        self.runtime: RuntimeInfo = runner.runtime_info

    def predict(self, shard: int) -> list[ImageRow]:
        """Return the result of each frame. Frames that cannot be used are left out; joining reports them."""
        remarks = self._predictor.remarks
        rows, keys = [], dict[int, str]()
        with (
            closing(self._keyed(self._source.read(self._segments[shard]), keys)) as frames,
            closing(self._predictor.stream(frames, [])) as results,
        ):
            for frame, poses in results:
                own = [remark.removeprefix(f"{frame.label}: ") for remark in remarks]
                remarks.clear()
                rows.append(self._to_row(frame, poses, keys.pop(frame.index), own))
        return rows

    def take_remarks(self) -> list[str]:
        """Return no remarks: those on a frame are in its row, and the calling process reports the others."""
        return []

    def describe(self, shard: int) -> str:
        """Return the frames of a shard for messages."""
        segment = self._segments[shard]
        last = "the last one" if segment.frames is None else segment.first + segment.frames - 1
        return f"frames {segment.first} to {last} of {self._source.name}"

    def _keyed(self, frames: Iterator[Frame], keys: dict[int, str]) -> Generator[Frame, None, None]:
        """Yield the frames, and add their keys by index, up to one whose boxes cannot be used."""
        for frame in frames:
            try:
                keys[frame.index] = self._key_of(frame)
            except InputError:
                return  # joining the shards raises it
            yield frame

    def _to_row(self, frame: Frame, poses: Poses, key: str, remarks: Sequence[str]) -> ImageRow:
        height, width = frame.image.shape[:2]
        return ImageRow(
            frame.index,
            frame.name,
            (width, height),
            poses if self._has_mesh else replace(poses, vertices=None),
            remark=SEPARATOR.join(remarks) or None,
            time_s=frame.time_s,
            key=key,
        )
