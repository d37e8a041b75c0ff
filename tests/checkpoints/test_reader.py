from __future__ import annotations

import os
import pickle
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from posedeploy.checkpoints.reader import content_of, read
from posedeploy.checkpoints.weight_sets import COMMON_KEYS
from posedeploy.errors import CheckpointError
from posedeploy.files import sha256

WEIGHTS = {"conv.weight": torch.arange(6.0).view(2, 3), "conv.bias": torch.ones(2)}


class Color(Enum):
    RED = 1


class WouldRun:
    """A malicious pickle: unpickling it creates a file."""

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.evidence}",)


def _same(tensors: dict[str, torch.Tensor]) -> bool:
    return tensors.keys() == WEIGHTS.keys() and all(
        torch.equal(tensors[name], WEIGHTS[name]) for name in WEIGHTS
    )


@pytest.mark.parametrize(
    "name", ["weights.pth", "weights.ckpt", "weights.PTH", "weights", "weights.onnx.bin"]
)
@pytest.mark.parametrize("archive", [True, False], ids=["zip", "legacy"])
def test_both_pytorch_formats_are_read_whatever_the_name(tmp_path: Path, name: str, archive: bool) -> None:
    torch.save(WEIGHTS, tmp_path / name, _use_new_zipfile_serialization=archive)
    checkpoint = read(tmp_path / name)
    assert _same(checkpoint.tensors)
    assert checkpoint.sha256 == sha256(tmp_path / name)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_a_safetensors_file_is_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    save_file(WEIGHTS, tmp_path / name)
    assert _same(read(tmp_path / name).tensors)


def test_a_pytorch_file_that_is_named_safetensors_is_read(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "weights.safetensors")
    assert _same(read(tmp_path / "weights.safetensors").tensors)


@pytest.mark.parametrize("key", COMMON_KEYS)
def test_weights_are_unwrapped_and_the_other_entries_are_recorded(tmp_path: Path, key: str) -> None:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))]).state_dict()
    torch.save({"epoch": 3, "optimizer": optimizer, key: WEIGHTS}, tmp_path / "a.pth")
    checkpoint = read(tmp_path / "a.pth")
    assert _same(checkpoint.tensors)
    assert checkpoint.weights.key == key
    assert checkpoint.weights.unused_keys == ("epoch", "optimizer")


def test_the_prefix_of_data_parallel_is_stripped(tmp_path: Path) -> None:
    torch.save({"state_dict": {f"module.{name}": t for name, t in WEIGHTS.items()}}, tmp_path / "a.pth")
    checkpoint = read(tmp_path / "a.pth")
    assert _same(checkpoint.tensors)
    assert checkpoint.weights.prefix == "module."


def test_a_prefix_that_only_some_tensors_have_is_part_of_their_names(tmp_path: Path) -> None:
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "a.pth")
    assert list(read(tmp_path / "a.pth").tensors) == ["module.a", "b"]


def _archive(content: Any, path: Path) -> None:
    torch.save(content, path)


def _legacy(content: Any, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def _bare_pickle(content: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(content))


@pytest.mark.parametrize("write", [_archive, _legacy, _bare_pickle])
def test_code_among_the_other_entries_does_not_run(
    tmp_path: Path, write: Callable[[Any, Path], None]
) -> None:
    evidence = tmp_path / "it-ran"
    write({"state_dict": WEIGHTS, "args": WouldRun(evidence)}, tmp_path / "evil.pth")
    assert _same(read(tmp_path / "evil.pth").tensors)
    assert not evidence.exists()


OTHER_ENTRIES = {
    "a namespace": Namespace(lr=0.1, out=Path("runs")),
    "a scalar of NumPy": np.float64(0.7),
    "a log": {"joint": [np.float32(1.5)], "surface": np.arange(3)},
    "milestones": {"milestones": Counter([10, 15]), "gamma": 0.1},
    "a default dictionary": defaultdict(list, {"loss": [1.0]}),
    "a date": datetime(2024, 1, 1, tzinfo=UTC),
    "an enum": Color.RED,
    "a type": np.dtype("float32"),
    "a function": os.path.join,
    "a device": torch.device("cpu"),
    "a size and a type of torch": (torch.Size([1, 2]), torch.float32),
    "a generator's state": np.random.RandomState(0).get_state(),
    "an ordered dictionary with attributes": torch.nn.Linear(1, 1).state_dict(),
}


@pytest.mark.parametrize("name", OTHER_ENTRIES)
@pytest.mark.parametrize("write", [_archive, _legacy, _bare_pickle])
def test_weights_are_read_whatever_the_other_entries(
    tmp_path: Path, name: str, write: Callable[[Any, Path], None]
) -> None:
    write({"state_dict": OrderedDict(WEIGHTS), "other": OTHER_ENTRIES[name]}, tmp_path / "a.pth")
    checkpoint = read(tmp_path / "a.pth", "state_dict")
    assert _same(checkpoint.tensors)
    assert checkpoint.weights.unused_keys == ("other",)


def test_numpy_arrays_are_weights(tmp_path: Path) -> None:
    _bare_pickle({name: tensor.numpy() for name, tensor in WEIGHTS.items()}, tmp_path / "a.pkl")
    assert _same(read(tmp_path / "a.pkl").tensors)


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, archive: bool, share: float) -> None:
    whole, path = tmp_path / "whole.pth", tmp_path / "part.pth"
    torch.save({"state_dict": {"w": torch.zeros(100, 100)}}, whole, _use_new_zipfile_serialization=archive)
    content = whole.read_bytes()
    path.write_bytes(content[: max(1, int(share * len(content)))])
    with pytest.raises(
        CheckpointError, match=r"part\.pth: .*(damaged|cut off).*; download or copy it again$"
    ):
        read(path)


def test_changed_bytes_are_weights_or_a_checkpoint_error(tmp_path: Path) -> None:
    _legacy({"state_dict": WEIGHTS}, tmp_path / "a.pth")
    content = (tmp_path / "a.pth").read_bytes()
    for seed in range(60):
        stream, changed = np.random.RandomState(seed), bytearray(content)
        for place in stream.randint(0, len(content), 6):
            changed[place] = stream.randint(256)
        (tmp_path / "b.pth").write_bytes(bytes(changed))
        try:
            read(tmp_path / "b.pth")
        except CheckpointError as error:
            assert "\n" not in str(error)


def test_a_damaged_safetensors_file_is_an_error(tmp_path: Path) -> None:
    content = b'{"a":' + b" " * 100
    (tmp_path / "a.safetensors").write_bytes(len(content).to_bytes(8, "little") + content)
    with pytest.raises(CheckpointError, match="damaged safetensors file"):
        read(tmp_path / "a.safetensors")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pth").touch()
    with pytest.raises(CheckpointError, match="the file is empty"):
        read(tmp_path / "a.pth")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    _archive(WEIGHTS, tmp_path / "a.pth")
    (tmp_path / "a.pth").chmod(0)
    with pytest.raises(CheckpointError, match=r"cannot be read \(Permission denied\)"):
        read(tmp_path / "a.pth")


def test_an_error_during_reading_is_a_checkpoint_error(tmp_path: Path) -> None:
    (tmp_path / "a.pth").symlink_to("/proc/self/mem")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 3, "lr": 0.1}, "no weights found; the keys are epoch, lr"),
        ({}, "no weights found, only an empty dictionary"),
        ({"state_dict": {}}, "no weights found; the keys are state_dict, and none of them holds tensors"),
        ([1.0], "no weights found; expected a dictionary of weights, got list"),
        (Namespace(lr=1), r"no weights found; .* got argparse\.Namespace"),
        ({"a": torch.ones(2).to_sparse()}, "a is a sparse tensor; save plain floating-point weights"),
        (torch.ones(1), "no weights found; expected a dictionary of weights, got Tensor"),
    ],
)
def test_a_file_without_weights_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=message):
        read(tmp_path / "a.pth")


def test_entries_that_are_no_tensors_are_ignored(tmp_path: Path) -> None:
    torch.save({**WEIGHTS, "epoch": 3}, tmp_path / "a.pth")
    checkpoint = read(tmp_path / "a.pth")
    assert _same(checkpoint.tensors)
    assert checkpoint.weights.unused_keys == ("epoch",)


def test_the_content_of_a_file_is_returned_whatever_it_is(tmp_path: Path) -> None:
    torch.save({"names": ["a"], "engine": bytearray(b"\0\1")}, tmp_path / "a.pth")
    assert content_of(tmp_path / "a.pth") == {"names": ["a"], "engine": b"\0\1"}
