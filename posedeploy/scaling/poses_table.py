"""The Parquet files of poses: one row for each image (pyarrow)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from posedeploy.types import Array, Poses

PERSON = pa.struct(
    [
        pa.field("score", pa.float64(), nullable=False),
        pa.field("keypoints", pa.list_(pa.float64()), nullable=False),
        pa.field("keypoints_3d", pa.list_(pa.float64())),
        pa.field("vertices", pa.list_(pa.float64())),
    ]
)
"""One person. keypoints: x px, y px and score of each keypoint, all -1 if it was not found. keypoints_3d: x,
y, z in mm and score of each joint. vertices: x, y, z in mm of each vertex of the mesh; only for a video into
which the mesh is drawn."""
SCHEMA = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("time_s", pa.float64()),
        pa.field("picture", pa.string()),
        pa.field("meshes", pa.list_(pa.string())),
        pa.field("error", pa.string()),
        pa.field("remark", pa.string()),
        pa.field("key", pa.string()),
        pa.field("people", pa.list_(PERSON)),
    ]
)
"""index: the position of the image in the job, or of the frame in its video, from 0. time_s: of a frame, s.
picture, meshes: the files that show the people, relative to the output folder. error: why the image was not
used; width, height and people are then null. key: of a frame (``frame_keys``)."""
UNCHANGED_COLUMNS = ("time_s", "picture", "error", "remark", "key")
"""The columns that are stored unchanged."""
ARRAYS = {"scores": "score", "keypoints": "keypoints", "keypoints_3d": "keypoints_3d", "vertices": "vertices"}
"""The arrays of ``Poses``, and the fields of ``PERSON``."""
DETAILS = b"posedeploy"
"""The key of the metadata of a file, JSON: the dtypes of the arrays and ``root_relative``."""


@dataclass(frozen=True)
class ImageRow:
    """The result for one image or frame.

    size: width and height in px. poses: None if the image was not used. The other fields are as in
    ``SCHEMA``.
    """

    index: int
    name: str
    size: tuple[int, int] | None = None
    poses: Poses | None = None
    picture: str | None = None
    error: str | None = None
    remark: str | None = None
    meshes: tuple[str, ...] = ()
    time_s: float | None = None
    key: str | None = None


def write_rows(path: Path, rows: Sequence[ImageRow]) -> None:
    """Write the results of images. The same rows always give the same bytes.

    Raises:
        OSError: the file cannot be written.
    """
    details = _describe_arrays([row.poses for row in rows if row.poses is not None])
    table = pa.Table.from_pylist([_to_record(row) for row in rows], SCHEMA)
    table = table.replace_schema_metadata({DETAILS: json.dumps(details)})
    with path.open("wb") as file:
        parquet.write_table(table, file, compression="zstd")


def read_rows(path: Path) -> Iterator[ImageRow]:
    """Yield the rows of a file with the arrays as they were written.

    Raises:
        OSError: the file cannot be read.
        pyarrow.ArrowException: it is not a Parquet file.
    """
    table = parquet.read_table(path, partitioning=None)
    details = json.loads(table.schema.metadata[DETAILS])
    for record in table.to_pylist():
        size = None if record["width"] is None else (record["width"], record["height"])
        people = record.pop("people")
        poses = None if people is None else _to_poses(people, details)
        others = {name: record[name] for name in UNCHANGED_COLUMNS}
        meshes = tuple(record["meshes"] or ())
        yield ImageRow(record["index"], record["name"], size, poses, meshes=meshes, **others)


def read_keys(path: Path) -> list[str]:
    """Return the keys of the frames in a file.

    Raises:
        OSError: the file cannot be read.
        pyarrow.ArrowException: it is not a Parquet file.
    """
    keys: list[str] = parquet.read_table(path, columns=["key"], partitioning=None)["key"].to_pylist()
    return keys


def _describe_arrays(poses: Sequence[Poses]) -> dict[str, Any]:
    """Return what the columns do not hold. Arrays without people may have another dtype."""
    if not poses:
        return {}
    first = next(filter(len, poses), poses[0])
    return {
        "root_relative": first.root_relative,
        "shapes": {name: array.shape[1:] for name, array in _arrays(first)},
        "dtypes": {name: str(array.dtype) for name, array in _arrays(first)},
    }


def _arrays(poses: Poses) -> list[tuple[str, Array]]:
    return [(name, array) for name in ARRAYS if (array := getattr(poses, name)) is not None]


def _to_record(row: ImageRow) -> dict[str, Any]:
    width, height = row.size or (None, None)
    return {
        "index": row.index,
        "name": row.name,
        "width": width,
        "height": height,
        "meshes": list(row.meshes) or None,
        "people": None if row.poses is None else _to_people(row.poses),
        **{name: getattr(row, name) for name in UNCHANGED_COLUMNS},
    }


def _to_people(poses: Poses) -> list[dict[str, Any]]:
    arrays = _arrays(poses)
    return [
        {
            ARRAYS[name]: array[person].ravel().tolist() if array.ndim > 1 else array[person].item()
            for name, array in arrays
        }
        for person in range(len(poses))
    ]


def _to_poses(people: Sequence[dict[str, Any]], details: dict[str, Any]) -> Poses:
    arrays = {
        name: np.array([person[ARRAYS[name]] for person in people], details["dtypes"][name]).reshape(
            len(people), *shape
        )
        for name, shape in details["shapes"].items()
    }
    return Poses(**arrays, root_relative=details["root_relative"])
