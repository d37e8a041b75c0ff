"""The files of a finished job: its report and, if requested, ``poses.json`` from the shards of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Protocol

import numpy as np

from posedeploy import artifact_files, files
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError
from posedeploy.predict import poses_json
from posedeploy.predict.camera import camera_warnings
from posedeploy.predict.frames import Frame
from posedeploy.predict.image_files import Images
from posedeploy.predict.poses_json import PosesDocument
from posedeploy.predict.source_record import describe_source, list_mesh_remarks
from posedeploy.printable import printable
from posedeploy.scaling.job_folder import REPORT, JobDocument, JobFolder, ShardRecord
from posedeploy.scaling.job_report import write_report
from posedeploy.scaling.joining import VideoJoiner
from posedeploy.scaling.poses_table import read_rows
from posedeploy.scaling.ray_settings import ShardedPrediction
from posedeploy.scaling.shard_job import ShardJob, open_job
from posedeploy.types import OnProgress

MAX_REASONS = 3
"""Maximum number of unusable images that a message names."""


class JobOutput(Protocol):
    """Writes the files of a job."""

    def finish(
        self,
        finished: Mapping[int, ShardRecord],
        lost: Sequence[str],
        on_progress: OnProgress = ignore_progress,
    ) -> ShardedPrediction:
        """Write the report and the other files.

        Args:
            finished: the finished shards. lost: why others are not finished.

        Raises:
            InputError: no image can be used.
            OutputError: the folder cannot be written.
        """


class ImagesOutput:
    """The files of a job on images."""

    def __init__(
        self,
        job: ShardJob,
        folder: JobFolder,
        document: JobDocument,
        opened: ExitStack,
        *,
        writes_poses: bool,
    ) -> None:
        """
        Args:
            opened: closes the models, which are opened for ``poses.json`` as in a worker.

        Raises:
            PoseDeployError: a model cannot be opened on this machine.
        """
        self._folder, self._document = folder, document
        self._poses: _Poses | None = None
        has_boxes = job.settings.persons.boxes is not None
        if writes_poses or has_boxes:  # boxes are checked before any worker starts
            source = folder.read_source(document.name) if has_boxes else Images(document.name, ())
            source.skipped, source.total = tuple(document.skipped), document.images
            self._poses = _Poses(job, source, opened)
        self._writes_poses = writes_poses

    def finish(
        self,
        finished: Mapping[int, ShardRecord],
        lost: Sequence[str],
        on_progress: OnProgress = ignore_progress,
    ) -> ShardedPrediction:
        folder, document = self._folder, self._document
        records = tuple(finished[shard] for shard in sorted(finished))
        unused = (problem for record in records for problem in record.problems)
        problems = (*document.problems, *unused, *lost)
        remarks = (
            *document.remarks,
            *(self._poses.remarks if self._poses is not None else ()),
            *(remark for record in records for remark in record.remarks),
        )
        write_report(folder, document, records, problems, remarks)
        if not any(record.images > len(record.problems) for record in records):
            more = f"; {REPORT} has all {len(problems)} reasons" if len(problems) > MAX_REASONS else ""
            reasons = "; ".join(problems[:MAX_REASONS])
            raise InputError(f"{document.name}: no image can be used: {reasons}{more}")
        written = [folder.report, folder.manifest]
        if self._poses is not None and self._writes_poses:
            on_progress(f"writing {poses_json.NAME}", None)
            self._poses.write(folder, records, problems, remarks)
            written.append(folder.poses_json)
        return ShardedPrediction(tuple(written), records, len(document.skipped), problems, remarks)


class _Poses:
    """``poses.json``, identical to that of a run without Ray. remarks: those that concern all images, such as
    those on a file of boxes."""

    def __init__(self, job: ShardJob, source: Images, opened: ExitStack) -> None:
        runner, self._artifact, self._options = open_job(job, source, opened)
        self._source = source
        self._producer = poses_json.describe_producer(
            self._artifact, runner.runtime_info, artifact_files.hashes_of(self._artifact)
        )
        origin = self._options.joint_source or self._options.person_source
        mesh_remarks = list_mesh_remarks(source, self._artifact, self._options)
        self.remarks = (*(origin.remarks if origin else ()), *mesh_remarks)

    def write(
        self,
        folder: JobFolder,
        records: Sequence[ShardRecord],
        problems: Sequence[str],
        remarks: Sequence[str],
    ) -> None:
        camera = self._options.camera
        content = PosesDocument(self._artifact.spec, camera)
        widths: set[int] = set()
        frames = 0
        for record in records:
            for row in read_rows(folder.path / record.file):
                if row.poses is not None and row.size is not None:
                    width, height = row.size
                    image = np.broadcast_to(np.uint8(0), (height, width, 3))  # only its size is used
                    content.add(Frame(row.name, image, row.index), row.poses, row.picture, row.meshes)
                    widths.add(width)
                    frames += 1
        source = describe_source(self._source, self._artifact, self._options, frames)
        shown = [printable(remark) for remark in (*camera_warnings(camera, widths), *remarks)]
        with files.staged(folder.path) as stage:
            encoded = content.encode(self._producer, source, problems, shown)
            (stage / poses_json.NAME).write_bytes(encoded)


class VideoOutput:
    """The files of a job on a video: those of a run without Ray, and the report."""

    def __init__(self, job: ShardJob, folder: JobFolder, document: JobDocument, opened: ExitStack) -> None:
        """
        Args:
            opened: closes the models and the video.

        Raises:
            PoseDeployError: the video or a model cannot be opened on this machine.
        """
        self._folder, self._document = folder, document
        self._joiner = VideoJoiner(job, opened)

    def finish(
        self,
        finished: Mapping[int, ShardRecord],
        lost: Sequence[str],
        on_progress: OnProgress = ignore_progress,
    ) -> ShardedPrediction:
        folder, document = self._folder, self._document
        records = tuple(finished[shard] for shard in sorted(finished))
        written = (folder.report, folder.manifest)
        if lost:
            problems = (
                *lost,
                f"{document.name}: {poses_json.NAME} is not written: {len(lost)} of {document.shards} shards "
                "are not finished; continue with `resume`",
            )
            write_report(folder, document, records, problems, ())
            return ShardedPrediction(written, records, 0, problems, ())
        shards = [folder.path / record.file for record in records]
        joined, join_remarks = self._joiner.join(shards, on_progress)
        remarks = (*joined.remarks, *join_remarks)
        write_report(folder, document, records, joined.problems, remarks)
        return ShardedPrediction(
            (*written, *joined.files), records, joined.skipped, joined.problems, remarks, joined=joined
        )
