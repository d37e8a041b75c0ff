"""The Parquet file of the images of a job, with the state of each file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
from pyarrow import parquet

from posedeploy.predict.urls import scheme_of
from posedeploy.scaling.image_list import ImageRef

IMAGES_SCHEMA = pa.schema(
    [
        pa.field("name", pa.string()),
        pa.field("location", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("modified_ns", pa.int64()),
    ]
)
"""bytes, modified_ns: the state of the file when the job was started; null for a URL or a missing file."""
FileState: TypeAlias = tuple[int | None, int | None]
"""The size of a file in bytes, and its modification time in ns."""


def write_images(path: Path, images: Iterable[ImageRef], shard_size: int) -> tuple[int, int]:
    """Write the images of a job, one row group for each shard. Return the numbers of images and shards."""
    remaining = iter(images)
    count = shards = 0
    with parquet.ParquetWriter(path, IMAGES_SCHEMA, compression="zstd") as writer:
        for rows in _split_into_batches(remaining, shard_size):
            sizes, times = zip(*(find_state(row) for row in rows), strict=True)
            columns = [[row.name for row in rows], [row.location for row in rows], sizes, times]
            writer.write_table(pa.table(columns, schema=IMAGES_SCHEMA), row_group_size=shard_size)
            count, shards = count + len(rows), shards + 1
    return count, shards


def find_state(image: ImageRef) -> FileState:
    """Return the size and the modification time of a file; both are None for a URL or a missing file."""
    if scheme_of(image.location) is not None:
        return None, None
    try:
        state = Path(image.location).stat()
    except OSError:
        return None, None
    return state.st_size, state.st_mtime_ns


def _split_into_batches(images: Iterator[ImageRef], size: int) -> Iterator[list[ImageRef]]:
    while batch := list(islice(images, size)):
        yield batch
