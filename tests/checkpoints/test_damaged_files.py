"""Files of every format, changed at random, are weights or one error of ours."""

from __future__ import annotations

import collections
import gzip
import io
import pickle
import random
import tarfile
import zipfile
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from posedeploy.checkpoints.reader import read
from posedeploy.errors import CheckpointError
from posedeploy.printable import printable
from tests.checkpoints.test_reader import WEIGHTS

HURTFUL = (b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7, (1 << 40).to_bytes(8, "little"))


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    """Small files of every format and protocol."""
    content = {"state_dict": collections.OrderedDict(WEIGHTS), "args": Namespace(lr=1), "log": [1.5, "x"]}
    files = []
    for archive in (True, False):
        for protocol in (2, 4):
            stream = io.BytesIO()
            torch.save(content, stream, pickle_protocol=protocol, _use_new_zipfile_serialization=archive)
            files.append(stream.getvalue())
    arrays = {name: tensor.numpy() for name, tensor in WEIGHTS.items()}
    files += [save(WEIGHTS), *(pickle.dumps(arrays, protocol) for protocol in (0, 2, 5))]
    return [*files, gzip.compress(files[2]), _tar(files[2]), _zip(files[2]), b'{"message": "Not Found"}']


def _tar(content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("a.pth")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _zip(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.pth", content)
    return stream.getvalue()


def _change(rng: random.Random, content: bytearray, originals: list[bytes]) -> None:
    place = rng.randrange(len(content) + 1)
    match rng.randrange(5):
        case 0:
            content[place : place + 1] = rng.randbytes(1)
        case 1:
            del content[place : place + rng.randrange(1, 40)]
        case 2:
            content[place:place] = rng.randbytes(rng.randrange(1, 20))
        case 3:
            content[place : place + 8] = rng.choice(HURTFUL)
        case _:
            other = rng.choice(originals)
            start = rng.randrange(len(other))
            content[place : place + 30] = other[start : start + 30]


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_changed_bytes_are_weights_or_a_checkpoint_error(
    tmp_path: Path, originals: list[bytes], count: int
) -> None:
    read_whole = 0
    for seed in range(count):
        rng = random.Random(seed)
        content = bytearray(rng.choice(originals))
        for _ in range(rng.choice([1, 1, 2, 4, 16])):
            _change(rng, content, originals)
        (tmp_path / "a").write_bytes(content)
        try:
            read(tmp_path / "a")
            read_whole += 1
        except CheckpointError as error:
            assert printable(str(error)) == str(error), seed
    assert 0 < read_whole < count
