from __future__ import annotations

import os
import pickle
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from posedeploy.checkpoints.reader import WRAPPINGS, read
from posedeploy.errors import CheckpointError
from posedeploy.files import sha256

WEIGHTS = {"conv.weight": torch.arange(6.0).view(2, 3), "conv.bias": torch.ones(2)}


class WouldRun:
    """What an attacker puts into a pickle: reading it makes a file."""

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.evidence}",)


def _same(tensors: dict[str, torch.Tensor]) -> bool:
    return tensors.keys() == WEIGHTS.keys() and all(
        torch.equal(tensors[name], WEIGHTS[name]) for name in WEIGHTS
    )


@pytest.mark.parametrize("suffix", [".pth", ".pth.tar", ".pt"])
@pytest.mark.parametrize("archive", [True, False], ids=["zip", "legacy"])
def test_a_pytorch_file_is_read_in_either_format(tmp_path: Path, suffix: str, archive: bool) -> None:
    path = tmp_path / f"weights{suffix}"
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=archive)
    checkpoint = read(path)
    assert _same(checkpoint.tensors)
    assert checkpoint.sha256 == sha256(path)


def test_a_safetensors_file_is_read(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "weights.safetensors")
    assert _same(read(tmp_path / "weights.safetensors").tensors)


@pytest.mark.parametrize("key", WRAPPINGS)
def test_weights_are_unwrapped_and_what_lies_beside_them_is_ignored(tmp_path: Path, key: str) -> None:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))]).state_dict()
    torch.save({"epoch": 3, "optimizer": optimizer, key: WEIGHTS}, tmp_path / "a.pth")
    checkpoint = read(tmp_path / "a.pth")
    assert _same(checkpoint.tensors)
    assert checkpoint.wrapping == key
    assert checkpoint.beside == ("epoch", "optimizer")


def test_the_prefix_of_data_parallel_is_stripped(tmp_path: Path) -> None:
    torch.save({"state_dict": {f"module.{name}": t for name, t in WEIGHTS.items()}}, tmp_path / "a.pth")
    assert _same(read(tmp_path / "a.pth").tensors)


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
def test_a_pickle_that_would_run_code_is_refused_by_the_name_it_wants_and_does_not_run(
    tmp_path: Path, write: Callable[[Any, Path], None]
) -> None:
    evidence = tmp_path / "it-ran"
    write({"state_dict": {"weight": [1.0]}, "args": WouldRun(evidence)}, tmp_path / "evil.pth")
    with pytest.raises(
        CheckpointError, match=r"evil\.pth: refused, .* would run code: it wants posix\.system"
    ):
        read(tmp_path / "evil.pth")
    assert not evidence.exists()


def test_every_name_that_a_pickle_wants_is_listed(tmp_path: Path) -> None:
    torch.save({"state_dict": WEIGHTS, "args": Namespace(lr=1), "x": WouldRun(tmp_path)}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError) as refusal:
        read(tmp_path / "a.pth")
    assert "argparse.Namespace" in str(refusal.value)
    assert "posix.system" in str(refusal.value)
    assert "torch.save(network.state_dict(), path)" in str(refusal.value)


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, archive: bool, share: float) -> None:
    whole, path = tmp_path / "whole.pth", tmp_path / "part.pth"
    torch.save({"state_dict": {"w": torch.zeros(100, 100)}}, whole, _use_new_zipfile_serialization=archive)
    content = whole.read_bytes()
    path.write_bytes(content[: max(1, int(share * len(content)))])
    with pytest.raises(CheckpointError, match=r"part\.pth: damaged, or not a PyTorch checkpoint; download"):
        read(path)


def test_bytes_that_are_changed_at_random_are_an_error_of_ours_or_still_weights(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    "content", [np.random.RandomState(0).bytes(5000), b"<html>404</html>", b"some text\n" * 50], ids=str
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.pth: damaged, or not a PyTorch checkpoint"):
        read(tmp_path / "a.pth")


def test_a_safetensors_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        read(tmp_path / "a.safetensors")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pth").touch()
    with pytest.raises(CheckpointError, match="the file is empty"):
        read(tmp_path / "a.pth")


def test_a_torchscript_program_is_refused_and_called_one(tmp_path: Path, exported: dict[str, Any]) -> None:
    (tmp_path / "a.pt").write_bytes(exported["torchscript"].path.read_bytes())
    with pytest.raises(CheckpointError, match="a TorchScript program, not a checkpoint"):
        read(tmp_path / "a.pt")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pth").mkdir()
    with pytest.raises(CheckpointError, match="is a folder"):
        read(tmp_path / "a.pth")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot be read \(No such file"):
        read(tmp_path / "a.pth")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    _archive(WEIGHTS, tmp_path / "a.pth")
    (tmp_path / "a.pth").chmod(0)
    with pytest.raises(CheckpointError, match=r"cannot be read \(Permission denied\)"):
        read(tmp_path / "a.pth")


def test_a_file_that_fails_while_it_is_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pth").symlink_to("/proc/self/mem")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read(tmp_path / "a.pth")


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"wanted \.pth, \.pth\.tar, \.pt, \.safetensors"):
        read(tmp_path / "weights.bin")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 3, "lr": 0.1}, "no weights found; its keys are epoch, lr"),
        ({}, "no weights found; its keys are none"),
        ({"state_dict": {}}, "no weights found"),
        ({"a": torch.ones(1), "epoch": 3}, "no weights found; its keys are epoch"),
        ([torch.ones(1)], "it holds a list, not a dictionary"),
        (torch.ones(1), "it holds a Tensor, not a dictionary"),
    ],
)
def test_a_file_without_weights_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=message):
        read(tmp_path / "a.pth")
