"""A checkpoint whose file changes between hashing and the last byte read is refused."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from posedeploy.checkpoints import reader
from posedeploy.checkpoints.reader import read
from posedeploy.errors import CheckpointError
from tests.support.file_changes import CHANGES, Change, rewrite

WEIGHTS = {"conv.weight": torch.arange(600.0).view(20, 30), "conv.bias": torch.ones(20)}


def _in_gzip(path: Path) -> None:
    torch.save(WEIGHTS, path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def _in_folder(path: Path) -> None:
    torch.save(WEIGHTS, path.with_suffix(".zip"))
    with zipfile.ZipFile(path.with_suffix(".zip")) as archive:
        archive.extractall(path)


WRITERS: dict[str, Callable[[Path], object]] = {
    "zip": lambda path: torch.save(WEIGHTS, path),
    "legacy": lambda path: torch.save(WEIGHTS, path, _use_new_zipfile_serialization=False),
    "pickle": lambda path: path.write_bytes(
        pickle.dumps({name: tensor.numpy() for name, tensor in WEIGHTS.items()})
    ),
    "safetensors": lambda path: save_file(WEIGHTS, path),
    "gzip": _in_gzip,
    "folder": _in_folder,
}


@pytest.fixture(params=WRITERS)
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a checkpoint in each format."""
    path = tmp_path / "weights"
    WRITERS[request.param](path)
    time.sleep(0.02)  # file systems have coarse clocks
    return path


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_checkpoint_that_changes_after_hashing_is_an_error(
    checkpoint: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing = next(checkpoint.rglob("data/0")) if checkpoint.is_dir() else checkpoint
    find_sets = reader.find_sets

    def changed(content: object) -> object:
        change(changing)
        return find_sets(content)

    monkeypatch.setattr(reader, "find_sets", changed)
    with pytest.raises(
        CheckpointError, match="weights: the file changed during reading; run the command aga"
    ):
        read(checkpoint)


def test_weights_do_not_change_with_the_file(checkpoint: Path) -> None:
    """A safetensors file is mapped into memory at first."""
    tensors = read(checkpoint).tensors
    for path in checkpoint.rglob("*") if checkpoint.is_dir() else (checkpoint,):
        if path.is_file():
            with path.open("r+b") as stream:
                stream.write(bytes(path.stat().st_size))
    assert all(torch.equal(tensors[name], WEIGHTS[name]) for name in WEIGHTS)


def test_reading_or_linking_a_file_is_no_change(checkpoint: Path) -> None:
    link = checkpoint.with_name("link")
    link.symlink_to(checkpoint)
    assert read(link).sha256 == read(checkpoint).sha256
    if not checkpoint.is_dir():
        rewrite(checkpoint)
        assert read(checkpoint).sha256 == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
