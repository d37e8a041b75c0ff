"""The folder of a job: its description, the list of its images, its shards and their manifest."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from pyarrow import parquet

from posedeploy import __version__, files
from posedeploy.errors import InputError, OutputError
from posedeploy.predict.image_files import Images
from posedeploy.predict.poses_json import NAME as POSES_JSON
from posedeploy.predict.segments import Segment
from posedeploy.scaling.image_list import ImageRef
from posedeploy.scaling.image_table import FileState
from posedeploy.types import RuntimeInfo

JOB, IMAGES, MANIFEST, REPORT = "job.json", "images.parquet", "manifest.jsonl", "report.json"
SHARDS, PICTURES = "shards", "pictures"
UNFINISHED = ".*.part"
"""The files of shards that a worker is computing, or did not finish."""
FORMAT, VERSION = "posedeploy.job", 1


class JobDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a job computes: ``job.json``.

    id: unique. options: the arguments that decide the results, by name. model_sha256: the hashes of the files
    of the model and of these arguments (``input_hashes``). images, shards: the number of each; for a video,
    ``images`` is the number of frames, or None if unknown. images_sha256: of the list of images. skipped,
    problems, remarks: about the source. segments: the shards of a video. source_sha256: of its files.
    """

    format: str = FORMAT
    version: int = VERSION
    posedeploy: str = __version__
    id: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)
    name: str
    options: Mapping[str, Any]
    model_sha256: Mapping[str, str]
    images: int | None
    shards: int
    images_sha256: str | None = None
    skipped: Sequence[str] = ()
    problems: Sequence[str] = ()
    remarks: Sequence[str] = ()
    segments: Sequence[Segment] = ()
    source_sha256: str | None = None


class ShardRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One finished shard: a line of ``manifest.jsonl``.

    images: all images of the shard. people: the number of people in them. problems: why images were not
    used. attempts: 1, and one more for each attempt that ended before the shard was finished. node, worker:
    the host name and the process id. seconds, cpu_seconds: the time of the last attempt, and the processor
    time of all threads of the worker in it.
    """

    shard: int
    file: str
    sha256: str
    bytes: int
    images: int
    people: int
    problems: Sequence[str]
    remarks: Sequence[str]
    attempts: int
    node: str
    worker: int
    seconds: float
    cpu_seconds: float
    max_rss_bytes: int
    runtime: RuntimeInfo


@dataclass(frozen=True)
class JobFolder:
    """The paths of a job in its output folder."""

    path: Path

    @property
    def job(self) -> Path:
        """The description of the job."""
        return self.path / JOB

    @property
    def manifest(self) -> Path:
        """The finished shards."""
        return self.path / MANIFEST

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / REPORT

    @property
    def poses_json(self) -> Path:
        """The poses of all shards, if they were requested."""
        return self.path / POSES_JSON

    def shard(self, number: int) -> Path:
        """Return the path of a shard."""
        return self.path / SHARDS / f"{number:06d}.parquet"

    def pictures(self, number: int) -> Path:
        """Return the folder of the pictures of a shard."""
        return self.path / PICTURES / f"{number:06d}"

    @property
    def has_job(self) -> bool:
        """Whether the folder has a job with finished shards. One without any can be started again."""
        return self.job.exists() and (not self.manifest.exists() or self.manifest.stat().st_size > 0)

    def remove_shards(self, pattern: str = "*.parquet") -> None:
        """Remove files of shards: by default those of finished ones.

        Raises:
            OutputError: the folder cannot be written.
        """
        try:
            for path in (self.path / SHARDS).glob(pattern):
                path.unlink()
        except OSError as error:
            raise write_error(self.path, error) from error

    def remove_job(self) -> None:
        """Remove the description of a job that cannot be computed."""
        for name in (JOB, IMAGES, MANIFEST):
            (self.path / name).unlink(missing_ok=True)

    def read_job(self) -> JobDocument:
        """Return the description of the job.

        Raises:
            InputError: it is missing or damaged.
        """
        try:
            return msgspec.json.decode(self.job.read_bytes(), type=JobDocument)
        except FileNotFoundError as error:
            raise InputError(
                f"{self.path}: no job to resume: it has no {JOB}; run it without `resume`"
            ) from error
        except (OSError, msgspec.MsgspecError) as error:
            raise InputError(
                f"{self.job}: not a readable description of a job ({error}); use another folder without "
                "`resume`"
            ) from error

    def read_images(self, shard: int) -> list[ImageRef]:
        """Return the images of a shard."""
        return [image for image, _ in self.read_states(shard)]

    def read_states(self, shard: int) -> list[tuple[ImageRef, FileState]]:
        """Return the images of a shard, with the state of each file when the job was started."""
        with parquet.ParquetFile(self.path / IMAGES) as file:
            rows = file.read_row_group(shard).to_pylist()
        return [(ImageRef(row["name"], row["location"]), (row["bytes"], row["modified_ns"])) for row in rows]

    def read_source(self, name: str) -> Images:
        """Return all images as a source, with which a file of boxes assigns its boxes."""
        table = parquet.read_table(self.path / IMAGES, partitioning=None)
        return Images(name, tuple(map(Path, table["location"].to_pylist())), tuple(table["name"].to_pylist()))

    def read_manifest(self) -> dict[int, ShardRecord]:
        """Return the finished shards by number. A last line that was not written completely is left out.

        Raises:
            InputError: another line is damaged.
        """
        path = self.manifest
        lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
        records = {}
        for number, line in enumerate(lines[:-1], 1):
            try:
                record = msgspec.json.decode(line, type=ShardRecord)
            except msgspec.MsgspecError as error:
                raise InputError(f"{path}: line {number} is damaged ({error}); remove the line") from error
            records[record.shard] = record
        return records

    def write_manifest(self, records: Iterable[ShardRecord]) -> None:
        """Replace the manifest."""
        files.write_text(
            self.manifest, "".join(msgspec.json.encode(record).decode() + "\n" for record in records)
        )

    def append_record(self, record: ShardRecord) -> None:
        """Add a shard to the manifest, and wait until it is on the disk.

        Raises:
            OutputError: the disk is full, or the file cannot be written.
        """
        try:
            with self.manifest.open("ab") as file:
                file.write(msgspec.json.encode(record) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise write_error(self.path, error) from error


def write_error(folder: Path, error: OSError) -> OutputError:
    """Return the error for a job that cannot write into its folder."""
    return OutputError(
        f"{folder}: writing failed ({error.strerror or error}); the finished shards are kept: free space or "
        "fix the folder, then continue with `resume`"
    )
