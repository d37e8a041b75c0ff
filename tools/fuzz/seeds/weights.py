"""Seeds of checkpoints in every container, and of meshes."""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from tests.checkpoints.test_containers import PACKINGS
from tests.checkpoints.test_reader import WEIGHTS
from tests.meshes.test_topology import FACES, _obj
from tests.pickles.grammar import program
from tests.support.lifting import small_gtrs, write

CONTENT = {"state_dict": collections.OrderedDict(WEIGHTS), "args": Namespace(lr=1), "log": [1.5, "x"]}
PROGRAMS = range(40)


def _saved(content: Any, protocol: int, *, archive: bool) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, pickle_protocol=protocol, _use_new_zipfile_serialization=archive)
    return stream.getvalue()


def zip_checkpoints() -> list[bytes]:
    """Return archives of PyTorch: weights among other entries, a whole module, and a known network."""
    whole = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
    return [
        *(_saved(CONTENT, protocol, archive=True) for protocol in (2, 4, 5)),
        _saved(whole, 2, archive=True),
        _saved(WEIGHTS, 2, archive=True),
    ]


def networks() -> list[bytes]:
    """Return a checkpoint of a known network. It is large, so it has a separate target."""
    return [_files_of(partial(write, small_gtrs()))]


def _files_of(make: Callable[[Path], object]) -> bytes:
    from tools.fuzz.seeds import written

    return written("a.pth", make)


def legacy_checkpoints() -> list[bytes]:
    """Return files of PyTorch before 1.6."""
    return [_saved(content, protocol, archive=False) for content in (CONTENT, WEIGHTS) for protocol in (2, 4)]


def pickled_checkpoints() -> list[bytes]:
    """Return bare pickles of arrays, and programs generated from the grammar."""
    arrays = {name: tensor.numpy() for name, tensor in WEIGHTS.items()}
    return [*(pickle.dumps(arrays, protocol) for protocol in range(6)), *map(program, PROGRAMS)]


def safetensors() -> list[bytes]:
    """Return safetensors files with and without metadata."""
    return [save(WEIGHTS), save(WEIGHTS, {"format": "pt"}), save({"a": torch.zeros(2, dtype=torch.bfloat16)})]


def archives() -> list[bytes]:
    """Return a checkpoint in each kind of archive, and in two nested ones."""
    plain = _saved({"state_dict": WEIGHTS}, 2, archive=True)
    seeds = []
    for name, (pack, _) in PACKINGS.items():
        if "folder" not in name:
            seeds.append(_packed(pack, plain))
    return [*seeds, _packed(PACKINGS["gz"][0], seeds[0])]


def _packed(pack: Callable[[Path, Path], Any], content: bytes) -> bytes:
    def make(path: Path) -> None:
        (path.parent / "source.pth").write_bytes(content)
        pack(path.parent / "source.pth", path)

    return _files_of(make)


def torch2trt_files() -> list[bytes]:
    """Return a file of torch2trt: an engine in a bytearray, and names."""
    content = {
        "engine": bytearray(b"ftrt" + bytes(60)),
        "input_names": ["data"],
        "output_names": ["a", "b"],
        "input_flattener": None,
    }
    return [_saved(content, protocol, archive=archive) for protocol in (2, 4) for archive in (True, False)]


def mesh_pickles() -> list[bytes]:
    """Return triangles in pickles of every protocol, with entries of body models, and generated programs."""
    content = {"f": FACES, "name": "x", "scale": np.float32(2), "more": [1, 2.5, None]}
    return [
        *(pickle.dumps(content, protocol) for protocol in range(6)),
        pickle.dumps(FACES),
        *map(program, PROGRAMS),
    ]


def mesh_arrays() -> list[bytes]:
    """Return triangles in ``.npy``."""
    return [
        _npy(FACES),
        _npy(FACES.astype(np.uint32)),
        _npy(np.asfortranarray(FACES)),
        _npy(FACES.astype(">i8")),
    ]


def _npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def mesh_archives() -> list[bytes]:
    """Return triangles in ``.npz``, compressed and uncompressed, with other arrays and with objects."""
    seeds = []
    writers: tuple[Any, ...] = (np.savez, np.savez_compressed)
    for save_arrays in writers:
        for arrays in ({"f": FACES, "v": np.zeros((20, 3))}, {"f": FACES, "notes": np.array([{"a": 1}])}):
            stream = io.BytesIO()
            save_arrays(stream, **arrays)
            seeds.append(stream.getvalue())
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("f.npy", _npy(FACES))
    return [*seeds, stream.getvalue()]


def mesh_texts() -> list[bytes]:
    """Return triangles in Wavefront files."""
    return [_obj(FACES).encode(), b"v 0 0 0\n" * 4 + b"f -4 -3 -2\nf 1 2 4\nf 2 3 4\nf 1 3 4\n"]
