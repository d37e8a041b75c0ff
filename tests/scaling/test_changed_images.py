"""Images that change before a job is resumed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from posedeploy.errors import InputError
from posedeploy.scaling.predicting import write_pose_shards
from tests.scaling.conftest import WITHOUT_PICTURES, in_shards

pytestmark = pytest.mark.usefixtures("in_one_process")


@pytest.fixture
def images(model: Path, photos: Path, tmp_path: Path) -> Path:
    """A folder of six images, and a job on it in shards of three, the second of which is not finished."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in (0, 1, 2, 4, 5, 6):
        shutil.copy2(photos / f"{number:02d}.png", folder)
    write_pose_shards(model, folder, tmp_path / "out", WITHOUT_PICTURES, in_shards(3), threads=1)
    (tmp_path / "out/shards/000001.parquet").unlink()
    return folder


def _overwrite(path: Path) -> None:
    state = path.stat()
    path.write_bytes(b"\0" * state.st_size)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("01.png", _overwrite),
        ("05.png", _overwrite),
        ("05.png", Path.unlink),
    ],
)
def test_a_changed_image_is_refused(
    model: Path, images: Path, tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    change(images / name)
    message = rf"{name}: changed since the job in .* was started; restore the files, or use another folder"
    with pytest.raises(InputError, match=message):
        write_pose_shards(
            model, images, tmp_path / "out", WITHOUT_PICTURES, in_shards(3, resume=True), threads=1
        )


def test_an_image_of_a_finished_shard_may_be_deleted(model: Path, images: Path, tmp_path: Path) -> None:
    (images / "01.png").unlink()
    ray = in_shards(3, resume=True)
    result = write_pose_shards(model, images, tmp_path / "out", WITHOUT_PICTURES, ray, threads=1)
    assert (result.resumed_shards, result.images) == (1, 6)
