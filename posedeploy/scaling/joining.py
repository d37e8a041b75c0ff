"""Join the shards of a video: ids, smoothing, drawing and ``poses.json`` over all frames in order."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

from posedeploy.convert.export_options import ignore_progress
from posedeploy.predict import run
from posedeploy.predict.frames import Frame
from posedeploy.predict.pose_predictor import PosePredictor, choose_predictor
from posedeploy.predict.run import Prediction
from posedeploy.printable import counted
from posedeploy.scaling.frame_keys import KeyOf, choose_keys
from posedeploy.scaling.poses_table import ImageRow, read_keys, read_rows
from posedeploy.scaling.segment_shards import SEPARATOR
from posedeploy.scaling.shard_job import ShardJob, open_job, open_job_frames
from posedeploy.types import OnProgress, Poses

OPEN_SHARDS = 2
"""The number of shards in memory. It is small because frames are read in the order of the shards."""


class VideoJoiner:
    """Reads a video once more, and writes the same files as a run without Ray.

    The poses of each frame are those that a worker computed from the same pixels. If no worker has computed
    them, this process runs the network: the frames of a damaged segment can depend on where decoding starts.
    """

    def __init__(self, job: ShardJob, opened: ExitStack) -> None:
        """
        Args:
            opened: closes the models and the source.

        Raises:
            PoseDeployError: the source or a model cannot be opened on this machine.
        """
        self._job = job
        self._source = opened.enter_context(open_job_frames(job, is_worker=False))
        self._runner, self._artifact, options = open_job(job, self._source, opened)
        self._options, self._key_of = choose_keys(options)

    def join(
        self, shards: Sequence[Path], on_progress: OnProgress = ignore_progress
    ) -> tuple[Prediction, list[str]]:
        """Write the results into the job's folder, and return them with remarks on the join.

        Raises:
            InputError: no frame can be used.
            OutputError: the folder cannot be written.
        """
        network = choose_predictor(self._runner, self._artifact, self._options)
        predictor = StoredPredictor(network, self._key_of, shards)
        name = self._source.name

        def report(done: int, total: int | None) -> None:
            on_progress(f"joining the shards of {name}, frame {done}", done / total if total else None)

        prediction = run.predict(
            self._source, self._runner, self._artifact, self._job.folder, self._options, report, predictor
        )
        if not predictor.computed:
            return prediction, []
        frames = counted(predictor.computed, "frame")
        return prediction, [
            f"{name}: the network ran on {frames} while the shards were joined, because no shard contains "
            "them"
        ]


class StoredPredictor:
    """Returns the poses that shards contain. computed: the number of frames that no shard contains."""

    def __init__(self, network: PosePredictor, key_of: KeyOf, shards: Sequence[Path]) -> None:
        """
        Args:
            network: detects the people in frames that no shard contains. shards: in the order of the frames.
        """
        self.sigmas = network.sigmas
        self.remarks = network.remarks
        self.computed = 0
        self._network = network
        self._key_of = key_of
        self._shard_of = {key: path for path in shards for key in read_keys(path)}
        self._rows_of = lru_cache(OPEN_SHARDS)(_read_by_key)

    def stream(
        self, frames: Iterable[Frame], rejected: list[str] | None = None
    ) -> Generator[tuple[Frame, Poses], None, None]:
        """Yield each frame with its people, in order, as ``Predictor.stream``."""
        for frame in frames:
            key = self._key_of(frame)
            path = self._shard_of.get(key)
            if path is None:
                self.computed += 1
                yield from self._network.stream([frame], rejected)
                continue
            row = self._rows_of(path)[key]
            assert row.poses is not None, "a shard of a video has only frames that were used"
            if row.remark is not None:
                self.remarks += [f"{frame.label}: {reason}" for reason in row.remark.split(SEPARATOR)]
            yield frame, row.poses


def _read_by_key(path: Path) -> dict[str, ImageRow]:
    return {row.key: row for row in read_rows(path) if row.key is not None}
