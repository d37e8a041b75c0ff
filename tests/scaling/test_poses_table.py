"""The Parquet files of poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from posedeploy.scaling.poses_table import SCHEMA, ImageRow, read_rows, write_rows
from posedeploy.types import Poses

RNG = np.random.default_rng(0)


def _poses(people: int, dtype: str, *, has_depth: bool) -> Poses:
    positions = RNG.normal(size=(people, 5, 4)).astype(dtype) if has_depth else None
    keypoints = RNG.normal(size=(people, 5, 3)).astype(dtype)
    return Poses(keypoints, RNG.normal(size=people).astype(dtype), positions, root_relative=has_depth)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("has_depth", [False, True])
def test_arrays_are_read_as_they_were_written(tmp_path: Path, dtype: str, has_depth: bool) -> None:
    written = [
        ImageRow(0, "a.png", (6, 4), _poses(0, "float64", has_depth=has_depth)),
        ImageRow(1, "é.png", (6, 4), _poses(2, dtype, has_depth=has_depth), "pictures/0/é.jpg"),
        ImageRow(2, "b.png", error="b.png: damaged"),
        ImageRow(3, "c.png", (6, 4), _poses(1, dtype, has_depth=has_depth), remark="scaled"),
    ]
    write_rows(tmp_path / "shard", written)
    read = list(read_rows(tmp_path / "shard"))
    for before, after in zip(written, read, strict=True):
        assert (before.index, before.name, before.size, before.error) == (
            after.index,
            after.name,
            after.size,
            after.error,
        )
        assert (before.picture, before.remark) == (after.picture, after.remark)
        assert (before.poses is None) == (after.poses is None)
    for row in (1, 3):
        before, after = written[row].poses, read[row].poses
        assert before is not None and after is not None and after.root_relative == has_depth
        for name in ("keypoints", "scores", "keypoints_3d")[: 2 + has_depth]:
            one, other = getattr(before, name), getattr(after, name)
            assert one.dtype == other.dtype and np.array_equal(one, other)


def test_all_files_have_one_schema_and_the_same_rows_the_same_bytes(tmp_path: Path) -> None:
    people = [ImageRow(0, "a.png", (6, 4), _poses(2, "float32", has_depth=False))]
    for name, rows in {"a": people, "b": people, "c": [ImageRow(1, "b.png", error="damaged")]}.items():
        write_rows(tmp_path / name, rows)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert parquet.read_schema(tmp_path / "a").equals(SCHEMA)
    assert parquet.read_schema(tmp_path / "c").equals(SCHEMA)
