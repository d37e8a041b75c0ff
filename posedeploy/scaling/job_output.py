"""The report of a job, and ``poses.json`` from its shards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from posedeploy import artifact_files, files
from posedeploy.predict import poses_json
from posedeploy.predict.camera import camera_warnings
from posedeploy.predict.frames import Frame
from posedeploy.predict.image_files import Images
from posedeploy.predict.poses_json import PosesDocument
from posedeploy.predict.run import describe_source
from posedeploy.printable import printable
from posedeploy.scaling.job_folder import JobDocument, JobFolder, ShardRecord
from posedeploy.scaling.poses_table import read_rows
from posedeploy.scaling.ray_settings import ShardedPrediction
from posedeploy.scaling.shard_job import ShardJob, open_job

REPORT_FORMAT, REPORT_VERSION = "posedeploy.shards", 1


def describe_job(
    document: JobDocument, records: Sequence[ShardRecord], problems: Sequence[str]
) -> dict[str, Any]:
    """Return the report of a job, for JSON. problems: why images were not used or shards are missing."""
    return {
        "format": REPORT_FORMAT,
        "version": REPORT_VERSION,
        "posedeploy": document.posedeploy,
        "job": document.id,
        "source": {
            "name": document.name,
            "images": document.images,
            "images_sha256": document.images_sha256,
            "skipped": list(document.skipped),
        },
        "options": dict(document.options),
        "model_sha256": dict(document.model_sha256),
        "shards": document.shards,
        "finished_shards": len(records),
        "images": sum(record.images for record in records),
        "unused_images": sum(len(record.problems) for record in records),
        "people": sum(record.people for record in records),
        "lost_workers": sum(record.attempts - 1 for record in records),
        "problems": list(problems),
        "remarks": list_remarks(document, records),
        "manifest": [
            {"shard": record.shard, "file": record.file, "sha256": record.sha256, "images": record.images}
            for record in records
        ],
        "workers": _describe_workers(records),
    }


def list_remarks(document: JobDocument, records: Iterable[ShardRecord]) -> list[str]:
    """Return all remarks of a job."""
    return [*document.remarks, *(remark for record in records for remark in record.remarks)]


def _describe_workers(records: Iterable[ShardRecord]) -> list[dict[str, Any]]:
    by_worker: dict[tuple[str, int], list[ShardRecord]] = {}
    for record in records:
        by_worker.setdefault((record.node, record.worker), []).append(record)
    return [
        {
            "node": node,
            "process": process,
            "runtime": worker_records[0].runtime.runtime,
            "runtime_version": worker_records[0].runtime.version,
            "device": worker_records[0].runtime.device,
            "threads": worker_records[0].runtime.threads,
            "images": sum(record.images for record in worker_records),
            "seconds": sum(record.seconds for record in worker_records),
            "cpu_seconds": sum(record.cpu_seconds for record in worker_records),
            "max_rss_bytes": max(record.max_rss_bytes for record in worker_records),
        }
        for (node, process), worker_records in by_worker.items()
    ]


class PosesOutput:
    """``poses.json`` of a job, identical to that of a run without Ray."""

    def __init__(self, job: ShardJob, document: JobDocument, opened: ExitStack) -> None:
        """
        Args:
            opened: closes the models, which are opened as in a worker.

        Raises:
            PoseDeployError: a model cannot be opened on this machine.
        """
        self._source = Images(document.name, (), None, tuple(document.skipped))
        self._source.total = document.images
        runner, self._artifact, self._options = open_job(job, self._source, opened)
        self._producer = poses_json.describe_producer(
            self._artifact, runner.runtime_info, artifact_files.hashes_of(self._artifact)
        )

    def write(self, folder: JobFolder, result: ShardedPrediction) -> None:
        """Write the poses of all finished shards.

        Raises:
            OutputError: the folder cannot be written.
        """
        camera = self._options.camera
        content = PosesDocument(self._artifact.spec, camera)
        widths: set[int] = set()
        frames = 0
        for record in result.shards:
            for row in read_rows(folder.path / record.file):
                if row.poses is not None and row.size is not None:
                    width, height = row.size
                    image = np.broadcast_to(np.uint8(0), (height, width, 3))  # only its size is used
                    content.add(Frame(row.name, image, row.index), row.poses, row.picture)
                    widths.add(width)
                    frames += 1
        source = describe_source(self._source, self._artifact, self._options, frames)
        remarks = [printable(remark) for remark in (*camera_warnings(camera, widths), *result.remarks)]
        with files.staged(folder.path) as stage:
            encoded = content.encode(self._producer, source, result.problems, remarks)
            (stage / poses_json.NAME).write_bytes(encoded)
