"""The report of a job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from posedeploy import files
from posedeploy.scaling.job_folder import REPORT, JobDocument, JobFolder, ShardRecord
from posedeploy.text_files import format_json

REPORT_FORMAT, REPORT_VERSION = "posedeploy.shards", 1


def write_report(
    folder: JobFolder,
    document: JobDocument,
    records: Sequence[ShardRecord],
    problems: Sequence[str],
    remarks: Sequence[str],
) -> None:
    """Sort the manifest, and write the report.

    Args:
        records: in order. problems: why images were not used or shards are missing.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder.write_manifest(records)
    report = _describe(document, records) | {"problems": list(problems), "remarks": list(remarks)}
    files.write_text(folder.path / REPORT, format_json(report))


def _describe(document: JobDocument, records: Sequence[ShardRecord]) -> dict[str, Any]:
    return {
        "format": REPORT_FORMAT,
        "version": REPORT_VERSION,
        "posedeploy": document.posedeploy,
        "job": document.id,
        "source": {
            "name": document.name,
            "images": document.images,
            "sha256": document.source_sha256 or document.images_sha256,
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
        "manifest": [
            {"shard": record.shard, "file": record.file, "sha256": record.sha256, "images": record.images}
            for record in records
        ],
        "workers": _describe_workers(records),
    }


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
